/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A config file and, behind the first NUL, a credentials file: what all their profiles come to. */
#include "fuzz.h"

#include "aws/credentials/ini-file.h"
#include "aws/credentials/profile.h"

#include <string.h>

static void
check_source (const KvsProfileSource *source, guint depth)
{
  g_assert_cmpuint (depth, <, 32);
  g_assert_nonnull (source->profile);
  switch (source->kind) {
    case KVS_PROFILE_SOURCE_KEYS:
      g_assert_nonnull (source->access_key);
      g_assert_nonnull (source->secret_key);
      break;
    case KVS_PROFILE_SOURCE_PROCESS:
      g_assert_nonnull (source->process);
      break;
    case KVS_PROFILE_SOURCE_ROLE:
      g_assert_nonnull (source->role_arn);
      g_assert_nonnull (source->source);
      check_source (source->source, depth + 1);
      break;
    case KVS_PROFILE_SOURCE_WEB_IDENTITY:
      g_assert_nonnull (source->role_arn);
      g_assert_nonnull (source->web_identity_token_file);
      break;
    case KVS_PROFILE_SOURCE_SSO:
      g_assert_nonnull (source->sso_account_id);
      g_assert_nonnull (source->sso_role_name);
      g_assert_nonnull (source->sso_region);
      g_assert_nonnull (source->sso_start_url);
      break;
    default:
      g_assert_cmpuint (depth, >, 0);
      break;
  }
}

static void
check_profile (const KvsSharedConfig *config, const gchar *name)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (KvsProfile) profile = kvs_profile_resolve (config, name, &error);

  g_assert_true ((profile == NULL) == (error != NULL));
  if (profile == NULL)
    return;
  g_assert_true (profile->source == NULL || profile->source_error == NULL);
  if (profile->source != NULL)
    check_source (profile->source, 0);
}

static void
check_sections (const KvsSharedConfig *config, const KvsSharedConfigFile *text)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (KvsIniFile) file = kvs_ini_file_parse (text->text, text->size, &error);

  g_assert_no_error (error);
  for (guint i = 0; i < kvs_ini_file_count_sections (file); i++) {
    const gchar *section = kvs_ini_file_get_section (file, i);
    g_autoptr (GList) keys = kvs_ini_file_list_keys (file, section);

    g_assert_true (kvs_ini_file_has_section (file, section));
    for (GList *key = keys; key != NULL; key = key->next)
      g_assert_true (kvs_ini_file_has (file, section, key->data));
    check_profile (config, section);
    if (g_str_has_prefix (section, "profile "))
      check_profile (config, section + strlen ("profile "));
  }
}

int
LLVMFuzzerTestOneInput (const guint8 *data, gsize size)
{
  const gchar *text = (const gchar *) data;
  const gchar *end = size > 0 ? memchr (text, '\0', size) : NULL;
  gsize first = end != NULL ? (gsize) (end - text) : size;
  KvsSharedConfigFile config_text = { "config", text, first };
  KvsSharedConfigFile credentials_text = { "credentials", end != NULL ? end + 1 : NULL,
                                           end != NULL ? size - first - 1 : 0 };
  g_autoptr (GError) error = NULL;
  g_autoptr (KvsSharedConfig) config = kvs_shared_config_new (&config_text, &credentials_text,
                                                              &error);

  g_assert_true ((config == NULL) == (error != NULL));
  if (config == NULL)
    return 0;
  check_profile (config, NULL);
  if (size > 0)
    check_sections (config, &config_text);
  if (end != NULL)
    check_sections (config, &credentials_text);
  return 0;
}
