/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Prints what a profile comes to, as JSON, for comparison with another implementation:
 *
 *   print-profile CONFIG-FILE CREDENTIALS-FILE [PROFILE]
 *
 * With --words instead, standard input is split into words as a command is. */
#include "aws/credentials/profile.h"
#include "aws/credentials/shell-words.h"

#include <json-glib/json-glib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void
add (JsonBuilder *builder, const gchar *name, const gchar *value)
{
  if (value == NULL)
    return;
  json_builder_set_member_name (builder, name);
  json_builder_add_string_value (builder, value);
}

static void
add_switch (JsonBuilder *builder, const gchar *name, KvsProfileSwitch value)
{
  if (value == KVS_PROFILE_SWITCH_UNSET)
    return;
  json_builder_set_member_name (builder, name);
  json_builder_add_boolean_value (builder, value == KVS_PROFILE_SWITCH_ON);
}

static const gchar *
name_kind (KvsProfileSourceKind kind)
{
  static const gchar *const names[] = { "keys", "process", "role", "web-identity", "sso",
                                        "Environment", "EcsContainer", "Ec2InstanceMetadata" };

  return names[kind];
}

static void
add_source (JsonBuilder *builder, const KvsProfileSource *source)
{
  json_builder_set_member_name (builder, "source");
  json_builder_begin_object (builder);
  add (builder, "kind", name_kind (source->kind));
  add (builder, "access_key", source->access_key);
  add (builder, "secret_key", source->secret_key);
  add (builder, "session_token", source->session_token);
  add (builder, "process", source->process);
  add (builder, "role_arn", source->role_arn);
  add (builder, "role_session_name", source->role_session_name);
  add (builder, "external_id", source->external_id);
  add (builder, "web_identity_token_file", source->web_identity_token_file);
  add (builder, "sso_session", source->sso_session);
  add (builder, "sso_account_id", source->sso_account_id);
  add (builder, "sso_role_name", source->sso_role_name);
  add (builder, "sso_region", source->sso_region);
  add (builder, "sso_start_url", source->sso_start_url);
  if (source->duration_seconds != 0) {
    json_builder_set_member_name (builder, "duration_seconds");
    json_builder_add_int_value (builder, source->duration_seconds);
  }
  if (source->source != NULL)
    add_source (builder, source->source);
  json_builder_end_object (builder);
}

static void
add_profile (JsonBuilder *builder, const KvsProfile *profile)
{
  add (builder, "region", profile->region);
  add (builder, "endpoint_url", profile->endpoint_url);
  add (builder, "kinesis_video_endpoint_url", profile->kinesis_video_endpoint_url);
  add (builder, "ca_bundle", profile->ca_bundle);
  add_switch (builder, "use_fips_endpoint", profile->use_fips_endpoint);
  add_switch (builder, "use_dualstack_endpoint", profile->use_dualstack_endpoint);
  if (profile->source_error != NULL)
    add (builder, "error", profile->source_error->message);
  else if (profile->source != NULL)
    add_source (builder, profile->source);
}

static void
add_words (JsonBuilder *builder)
{
  gchar text[4096] = "";
  g_auto (GStrv) words = NULL;

  if (fread (text, 1, sizeof text - 1, stdin) == 0)
    return;
  words = kvs_shell_words_split (text);
  if (words == NULL)
    return;
  json_builder_set_member_name (builder, "words");
  json_builder_begin_array (builder);
  for (guint i = 0; words[i] != NULL; i++)
    json_builder_add_string_value (builder, words[i]);
  json_builder_end_array (builder);
}

int
main (int argc, char **argv)
{
  g_autoptr (JsonBuilder) builder = json_builder_new ();
  g_autoptr (JsonNode) root = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (KvsProfile) profile = NULL;
  g_autofree gchar *text = NULL;

  json_builder_begin_object (builder);
  if (argc == 2 && strcmp (argv[1], "--words") == 0) {
    add_words (builder);
  } else if (argc >= 3) {
    profile = kvs_profile_load (argv[1], argv[2], argv[3], &error);
    if (profile != NULL)
      add_profile (builder, profile);
    else
      add (builder, "error", error->message);
  } else {
    return EXIT_FAILURE;
  }
  json_builder_end_object (builder);
  root = json_builder_get_root (builder);
  text = json_to_string (root, FALSE);
  puts (text);
  return EXIT_SUCCESS;
}
