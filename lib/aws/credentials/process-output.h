/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a credential_process writes to its standard output. */
#pragma once

#include "aws/credentials.h"

G_BEGIN_DECLS

KvsCredentials *kvs_process_output_parse (const gchar *text, gsize size, GError **error);

G_END_DECLS
