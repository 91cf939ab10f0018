/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Credentials for a token of an identity provider, such as a service account of EKS (IRSA). */
#pragma once

#include "aws/credentials/provider.h"
#include "aws/credentials/sts.h"
#include "net/http.h"

G_BEGIN_DECLS

KvsCredentialsProvider *kvs_web_identity_provider_new (KvsLoop *loop, const KvsHttpOptions *http,
                                                       const KvsStsRole *role,
                                                       const gchar *token_path);

G_END_DECLS
