/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Several sources of credentials, asked one after the other. */
#pragma once

#include "aws/credentials/provider.h"

G_BEGIN_DECLS

KvsCredentialsProvider *kvs_credentials_chain_new (void);
void kvs_credentials_chain_add (KvsCredentialsProvider *chain, KvsCredentialsProvider *provider);
void kvs_credentials_chain_add_last_resort (KvsCredentialsProvider *chain,
                                            KvsCredentialsProvider *provider);

G_END_DECLS
