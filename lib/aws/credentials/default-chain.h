/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The sources of credentials that AWS SDKs have, in their order. */
#pragma once

#include "aws/credentials/iot-provider.h"
#include "aws/credentials/provider.h"
#include "aws/endpoint-choice.h"
#include "net/http.h"
#include "net/loop.h"

G_BEGIN_DECLS

/**
 * KvsCredentialsConfig:
 * @given: (nullable): typed by the user; goes before all else
 * @iot: (nullable): certificate of an IoT thing; goes before what follows
 * @credential_path: (nullable): one-line file that the user has named; goes before what follows
 * @environment: (nullable): keys of the environment
 * @web_identity_token_file: (nullable): AWS_WEB_IDENTITY_TOKEN_FILE, with @role_arn
 * @role_arn: (nullable): AWS_ROLE_ARN
 * @role_session_name: (nullable): AWS_ROLE_SESSION_NAME
 * @profile: (nullable): profile that the user has named; else the default one, if there is one
 * @profile_goes_first: @environment and web identity do not count but as what the profile refers to
 * @config_path: shared config file
 * @credentials_path: shared credentials file
 * @sso_cache_folder: where `aws sso login` leaves its tokens
 * @container_relative_uri: (nullable): AWS_CONTAINER_CREDENTIALS_RELATIVE_URI
 * @container_full_uri: (nullable): AWS_CONTAINER_CREDENTIALS_FULL_URI
 * @container_token: (nullable): AWS_CONTAINER_AUTHORIZATION_TOKEN
 * @container_token_path: (nullable): AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE
 * @imds_disabled: AWS_EC2_METADATA_DISABLED
 * @imds_v1_disabled: AWS_EC2_METADATA_V1_DISABLED
 * @imds_url: (nullable): AWS_EC2_METADATA_SERVICE_ENDPOINT, or that of IPv6
 * @sso_url: (nullable): AWS_ENDPOINT_URL_SSO
 * @sts_url: STS of the region, or AWS_ENDPOINT_URL_STS
 * @region: for signatures of STS
 *
 * All that decides which credentials are used.
 */
typedef struct {
  gatomicrefcount refs;
  KvsCredentials *given;
  KvsIotOptions *iot;
  gchar *credential_path;
  KvsCredentials *environment;
  gchar *web_identity_token_file;
  gchar *role_arn;
  gchar *role_session_name;
  gchar *profile;
  gboolean profile_goes_first;
  gchar *config_path;
  gchar *credentials_path;
  gchar *sso_cache_folder;
  gchar *container_relative_uri;
  gchar *container_full_uri;
  gchar *container_token;
  gchar *container_token_path;
  gboolean imds_disabled;
  gboolean imds_v1_disabled;
  gchar *imds_url;
  gchar *sso_url;
  gchar *sts_url;
  gchar *region;
} KvsCredentialsConfig;

KvsCredentialsConfig *kvs_credentials_config_new (const KvsEndpointChoice *place);
gboolean kvs_credentials_config_read_keys (KvsCredentialsConfig *config, GError **error);
void kvs_credentials_config_name_profile (KvsCredentialsConfig *config, const gchar *profile);
KvsCredentialsConfig *kvs_credentials_config_ref (KvsCredentialsConfig *config);
void kvs_credentials_config_unref (KvsCredentialsConfig *config);
KvsCredentialsProvider *kvs_default_chain_new (KvsLoop *loop, const KvsHttpOptions *http,
                                               const KvsCredentialsConfig *config);
KvsCredentialsProvider *kvs_container_provider_for (KvsLoop *loop, const KvsHttpOptions *http,
                                                    const KvsCredentialsConfig *config);
KvsCredentialsProvider *kvs_imds_provider_for (KvsLoop *loop, const KvsHttpOptions *http,
                                               const KvsCredentialsConfig *config);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (KvsCredentialsConfig, kvs_credentials_config_unref)

G_END_DECLS
