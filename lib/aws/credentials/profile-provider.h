/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Keys that a profile of the shared files holds itself. */
#pragma once

#include "aws/credentials/profile.h"
#include "aws/credentials/provider.h"
#include "net/loop.h"

G_BEGIN_DECLS

KvsCredentialsProvider *kvs_profile_provider_new (KvsLoop *loop, const gchar *config_path,
                                                  const gchar *credentials_path,
                                                  const gchar *profile);
KvsCredentials *kvs_profile_source_get_keys (const KvsProfileSource *source, GError **error);

G_END_DECLS
