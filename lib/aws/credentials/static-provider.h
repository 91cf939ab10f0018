/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Credentials that are known from the start: properties, the environment. */
#pragma once

#include "aws/credentials/provider.h"
#include "net/loop.h"

G_BEGIN_DECLS

KvsCredentialsProvider *kvs_static_provider_new (KvsLoop *loop, const gchar *name,
                                                 KvsCredentials *credentials);

G_END_DECLS
