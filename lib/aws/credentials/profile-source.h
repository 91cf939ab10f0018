/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Where the credentials of a profile come from. */
#pragma once

#include "aws/credentials/shared-config.h"

G_BEGIN_DECLS

/**
 * KvsProfileSourceKind:
 * @KVS_PROFILE_SOURCE_KEYS: keys in one of the files
 * @KVS_PROFILE_SOURCE_PROCESS: a program (credential_process)
 * @KVS_PROFILE_SOURCE_ROLE: a role, assumed with the credentials of another source
 * @KVS_PROFILE_SOURCE_WEB_IDENTITY: a role, assumed with the token in a file
 * @KVS_PROFILE_SOURCE_SSO: a role of IAM Identity Center
 * @KVS_PROFILE_SOURCE_ENVIRONMENT: credential_source = Environment; for a role only
 * @KVS_PROFILE_SOURCE_CONTAINER: credential_source = EcsContainer; for a role only
 * @KVS_PROFILE_SOURCE_INSTANCE: credential_source = Ec2InstanceMetadata; for a role only
 */
typedef enum {
  KVS_PROFILE_SOURCE_KEYS,
  KVS_PROFILE_SOURCE_PROCESS,
  KVS_PROFILE_SOURCE_ROLE,
  KVS_PROFILE_SOURCE_WEB_IDENTITY,
  KVS_PROFILE_SOURCE_SSO,
  KVS_PROFILE_SOURCE_ENVIRONMENT,
  KVS_PROFILE_SOURCE_CONTAINER,
  KVS_PROFILE_SOURCE_INSTANCE,
} KvsProfileSourceKind;

typedef struct _KvsProfileSource KvsProfileSource;

/**
 * KvsProfileSource:
 * @kind: which of the following count
 * @profile: the profile that has the settings
 * @access_key: (nullable): KEYS: not checked
 * @secret_key: (nullable): KEYS: not checked
 * @session_token: (nullable): KEYS: not checked
 * @process: PROCESS: the command, not yet split
 * @role_arn: ROLE, WEB_IDENTITY
 * @role_session_name: (nullable): ROLE, WEB_IDENTITY
 * @external_id: (nullable): ROLE
 * @duration_seconds: ROLE: 0 for the service's default
 * @source: ROLE: whose credentials assume it
 * @web_identity_token_file: WEB_IDENTITY: path
 * @sso_session: (nullable): SSO: name of the session; none with the older settings
 * @sso_account_id: SSO
 * @sso_role_name: SSO
 * @sso_region: SSO
 * @sso_start_url: SSO
 *
 * Immutable. Secrets are wiped when it is freed.
 */
struct _KvsProfileSource {
  KvsProfileSourceKind kind;
  gchar *profile;
  gchar *access_key;
  gchar *secret_key;
  gchar *session_token;
  gchar *process;
  gchar *role_arn;
  gchar *role_session_name;
  gchar *external_id;
  guint duration_seconds;
  KvsProfileSource *source;
  gchar *web_identity_token_file;
  gchar *sso_session;
  gchar *sso_account_id;
  gchar *sso_role_name;
  gchar *sso_region;
  gchar *sso_start_url;
};

gboolean kvs_profile_source_resolve (const KvsSharedConfig *config, const gchar *profile,
                                     KvsProfileSource **source, GError **error);
void kvs_profile_source_free (KvsProfileSource *source);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (KvsProfileSource, kvs_profile_source_free)

G_END_DECLS
