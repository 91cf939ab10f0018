/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Keys in the one-line file of the AWS C producers (credential-path). */
#pragma once

#include "aws/credentials/provider.h"
#include "net/loop.h"

G_BEGIN_DECLS

KvsCredentialsProvider *kvs_file_provider_new (KvsLoop *loop, const gchar *path);

G_END_DECLS
