/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The one-line file of keys that the AWS C producers use. */
#pragma once

#include "aws/credentials.h"

G_BEGIN_DECLS

#define KVS_CREDENTIAL_LINE_FORMAT \
  "'CREDENTIALS <access key> <secret key>' or " \
  "'CREDENTIALS <access key> <expiration> <secret key> <session token>'"

KvsCredentials *kvs_credential_line_parse (const gchar *text, gsize size, GError **error);

G_END_DECLS
