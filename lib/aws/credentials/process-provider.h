/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Credentials from a program of the user's (credential_process). */
#pragma once

#include "aws/credentials/provider.h"
#include "net/loop.h"

G_BEGIN_DECLS

#define KVS_PROCESS_PROVIDER_TIMEOUT_US (60 * (gint64) G_USEC_PER_SEC)

KvsCredentialsProvider *kvs_process_provider_new (KvsLoop *loop, const gchar *command,
                                                  gint64 timeout_us);

G_END_DECLS
