/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One KvsCredentialsCache for all elements of the process whose credentials come from the same source. */
#pragma once

#include "aws/credentials/cache.h"
#include "aws/credentials/default-chain.h"

G_BEGIN_DECLS

KvsCredentialsCache *kvs_credentials_cache_for (KvsLoop *loop, const KvsHttpOptions *http,
                                                KvsCredentialsConfig *config);

G_END_DECLS
