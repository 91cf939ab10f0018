/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Credentials of a role, which those of another source may assume. */
#pragma once

#include "aws/credentials/provider.h"
#include "aws/credentials/sts.h"
#include "net/http.h"

G_BEGIN_DECLS

KvsCredentialsProvider *kvs_assume_role_provider_new (KvsLoop *loop, const KvsHttpOptions *http,
                                                      const KvsStsRole *role, const gchar *region,
                                                      KvsCredentialsProvider *source);

G_END_DECLS
