/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* All that a profile of the shared files comes to. */
#pragma once

#include "aws/credentials/profile-source.h"

G_BEGIN_DECLS

#define KVS_PROFILE_DEFAULT "default"

/**
 * KvsProfileSwitch:
 * @KVS_PROFILE_SWITCH_UNSET: the profile does not say
 * @KVS_PROFILE_SWITCH_OFF: anything but "true"
 * @KVS_PROFILE_SWITCH_ON: "true"
 */
typedef enum {
  KVS_PROFILE_SWITCH_UNSET,
  KVS_PROFILE_SWITCH_OFF,
  KVS_PROFILE_SWITCH_ON,
} KvsProfileSwitch;

/**
 * KvsProfile:
 * @name: its name
 * @region: (nullable): region
 * @use_fips_endpoint: use_fips_endpoint
 * @use_dualstack_endpoint: use_dualstack_endpoint
 * @ignore_endpoint_urls: ignore_configured_endpoint_urls: do not use the next four
 * @endpoint_url: (nullable): endpoint_url, for every service that has none of its own
 * @kinesis_video_endpoint_url: (nullable): that of Kinesis Video Streams
 * @sts_endpoint_url: (nullable): that of STS
 * @sso_endpoint_url: (nullable): that of SSO
 * @ca_bundle: (nullable): path of the certificates to trust
 * @source: (nullable): where the credentials come from; %NULL for nowhere
 * @source_error: (nullable): why that cannot be told; the rest counts all the same
 *
 * Immutable.
 */
typedef struct {
  gchar *name;
  gchar *region;
  KvsProfileSwitch use_fips_endpoint;
  KvsProfileSwitch use_dualstack_endpoint;
  KvsProfileSwitch ignore_endpoint_urls;
  gchar *endpoint_url;
  gchar *kinesis_video_endpoint_url;
  gchar *sts_endpoint_url;
  gchar *sso_endpoint_url;
  gchar *ca_bundle;
  KvsProfileSource *source;
  GError *source_error;
} KvsProfile;

KvsProfile *kvs_profile_resolve (const KvsSharedConfig *config, const gchar *name, GError **error);
KvsProfile *kvs_profile_load (const gchar *config_path, const gchar *credentials_path,
                              const gchar *name, GError **error);
void kvs_profile_free (KvsProfile *profile);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (KvsProfile, kvs_profile_free)

G_END_DECLS
