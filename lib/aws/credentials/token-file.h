/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Files that hold one token, which somebody else writes anew from time to time. */
#pragma once

#include "aws/credentials/remote-provider.h"

G_BEGIN_DECLS

void kvs_remote_fetch_read_token (KvsRemoteFetch *fetch, const gchar *path,
                                  KvsRemoteResultFunc func);

G_END_DECLS
