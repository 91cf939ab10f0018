/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The credentials of a profile of the shared files, whatever they come from. */
#pragma once

#include "aws/credentials/default-chain.h"

G_BEGIN_DECLS

KvsCredentialsProvider *kvs_profile_chain_new (KvsLoop *loop, const KvsHttpOptions *http,
                                               const KvsCredentialsConfig *config);

G_END_DECLS
