/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "aws/endpoint-choice.h"

#include <string.h>

#include "aws/credentials/shared-path.h"
#include "aws/endpoint.h"
#include "aws/stream-arn.h"

#define SERVICE "kinesisvideo"
#define DEFAULT_REGION "us-west-2"

/* Values that are set but empty are how shells and container files spell "not set". */
static const gchar *
get_variable (const gchar *name)
{
  const gchar *value = g_getenv (name);

  return value != NULL && *value != '\0' ? value : NULL;
}

/* The first of @values that says something */
static gchar *
first_of (const gchar *const *values, guint n_values)
{
  for (guint i = 0; i < n_values; i++)
    if (values[i] != NULL && *values[i] != '\0')
      return g_strdup (values[i]);
  return NULL;
}

#define FIRST_OF(...) \
  first_of ((const gchar *const[]) { __VA_ARGS__ }, \
            G_N_ELEMENTS (((const gchar *const[]) { __VA_ARGS__ })))

/* ---- the profile ---- */

/* A profile that cannot be had is an error where something is needed from it, and else of those who
 * want credentials from it. */
static KvsProfile *
load_profile (const gchar *wanted, GError **error)
{
  g_autofree gchar *config = kvs_shared_path_from_environment ("AWS_CONFIG_FILE", "config");
  g_autofree gchar *credentials
      = kvs_shared_path_from_environment ("AWS_SHARED_CREDENTIALS_FILE", "credentials");
  g_autofree gchar *name = FIRST_OF (wanted, g_getenv ("AWS_PROFILE"),
                                     g_getenv ("AWS_DEFAULT_PROFILE"));

  return kvs_profile_load (config, credentials, name, error);
}

/* ---- switches ---- */

static gboolean
is_on (gboolean wished, const gchar *variable, KvsProfileSwitch of_profile)
{
  const gchar *value = get_variable (variable);

  if (wished)
    return TRUE;
  if (value != NULL)
    return g_ascii_strcasecmp (value, "true") == 0;
  return of_profile == KVS_PROFILE_SWITCH_ON;
}

/* ---- the region ---- */

/* The way in which FIPS was asked for before there was a switch: fips-us-west-2, us-west-2-fips */
static gboolean
take_fips_from_region (gchar *region)
{
  gsize size = strlen (region);

  if (g_str_has_prefix (region, "fips-")) {
    memmove (region, region + 5, size - 4);
    return TRUE;
  }
  if (g_str_has_suffix (region, "-fips")) {
    region[size - 5] = '\0';
    return TRUE;
  }
  return FALSE;
}

static gboolean
check_region (const gchar *region, GError **error)
{
  if (kvs_region_is_valid (region))
    return TRUE;
  g_set_error (error, KVS_ERROR, KVS_ERROR_BAD_ARGUMENT,
               "\"%s\" is not an AWS region; set aws-region or AWS_REGION to one such as us-west-2",
               region);
  return FALSE;
}

/* What the environment says is for everything that runs there; the ARN is for this stream. */
static gboolean
take_region_of_arn (const KvsEndpointWish *wish, KvsEndpointChoice *choice, GError **error)
{
  g_autoptr (KvsStreamArn) arn = kvs_stream_arn_parse (wish->stream_arn, error);

  if (arn == NULL)
    return FALSE;
  if (wish->region != NULL && !g_str_equal (wish->region, arn->region)) {
    g_set_error (error, KVS_ERROR, KVS_ERROR_BAD_ARGUMENT,
                 "stream-arn names the region %s, but aws-region is %s; unset aws-region or "
                 "correct one of them", arn->region, wish->region);
    return FALSE;
  }
  choice->region = g_strdup (arn->region);
  return check_region (choice->region, error);
}

static gboolean
choose_region (const KvsEndpointWish *wish, const KvsProfile *profile,
               const GError *profile_error, KvsEndpointChoice *choice, GError **error)
{
  if (wish->stream_arn != NULL && *wish->stream_arn != '\0')
    return take_region_of_arn (wish, choice, error);
  choice->region = wish->region != NULL
                       ? g_strdup (wish->region)
                       : FIRST_OF (g_getenv ("AWS_REGION"), g_getenv ("AWS_DEFAULT_REGION"),
                                   profile != NULL ? profile->region : NULL);
  if (choice->region == NULL && profile_error != NULL) {
    g_propagate_prefixed_error (error, g_error_copy (profile_error),
                                "No region is given, and the profile cannot tell: ");
    return FALSE;
  }
  if (choice->region == NULL)
    choice->region = g_strdup (DEFAULT_REGION);
  if (take_fips_from_region (choice->region))
    choice->fips = TRUE;
  return check_region (choice->region, error);
}

/* ---- the address ---- */

static gchar *
find_endpoint_url (const KvsEndpointWish *wish, const KvsProfile *profile)
{
  gboolean ignore = is_on (FALSE, "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
                           profile != NULL ? profile->ignore_endpoint_urls
                                           : KVS_PROFILE_SWITCH_UNSET);

  if (ignore)
    return FIRST_OF (wish->endpoint, g_getenv ("CONTROL_PLANE_URI"));
  return FIRST_OF (wish->endpoint, g_getenv ("AWS_ENDPOINT_URL_KINESIS_VIDEO"),
                   g_getenv ("AWS_ENDPOINT_URL"), g_getenv ("CONTROL_PLANE_URI"),
                   profile != NULL ? profile->kinesis_video_endpoint_url : NULL,
                   profile != NULL ? profile->endpoint_url : NULL);
}

/* The address wins over switches that are set for everything on the machine, as in AWS's own tools;
 * a switch that was set for this very element is not to be ignored in silence. */
static gboolean
check_switches_with_url (const KvsEndpointWish *wish, GError **error)
{
  if (!wish->use_fips && !wish->use_dual_stack)
    return TRUE;
  g_set_error (error, KVS_ERROR, KVS_ERROR_BAD_ARGUMENT,
               "%s does not go together with an endpoint address of your own: unset it, and name "
               "the right host in that address", wish->use_fips ? "use-fips" : "use-dual-stack");
  return FALSE;
}

static gboolean
choose_endpoint (const KvsEndpointWish *wish, const KvsProfile *profile, KvsEndpointChoice *choice,
                 GError **error)
{
  g_autofree gchar *url = find_endpoint_url (wish, profile);

  if (url == NULL) {
    choice->endpoint
        = kvs_endpoint_for_service (SERVICE, choice->region, choice->fips, choice->dual_stack);
    return TRUE;
  }
  return check_switches_with_url (wish, error)
         && kvs_endpoint_check_url (url, wish->allow_insecure, &choice->endpoint, error);
}

/* ---- certificates ---- */

static gchar *
find_ca_path (const KvsEndpointWish *wish, const KvsProfile *profile)
{
  gchar *path = FIRST_OF (wish->ca_path, g_getenv ("AWS_CA_BUNDLE"),
                          g_getenv ("KVSSINK_CA_CERT_PATH"));

  if (path != NULL || profile == NULL || profile->ca_bundle == NULL)
    return path;
  return kvs_shared_path_expand (profile->ca_bundle);
}

static gboolean
choose_ca_path (const KvsEndpointWish *wish, const KvsProfile *profile, KvsEndpointChoice *choice,
                GError **error)
{
  choice->ca_path = find_ca_path (wish, profile);
  if (choice->ca_path == NULL || g_file_test (choice->ca_path, G_FILE_TEST_EXISTS))
    return TRUE;
  g_set_error (error, KVS_ERROR, KVS_ERROR_BAD_ARGUMENT,
               "The CA bundle %s does not exist; correct ca-path, AWS_CA_BUNDLE, "
               "KVSSINK_CA_CERT_PATH or the profile's ca_bundle", choice->ca_path);
  return FALSE;
}

/**
 * kvs_endpoint_choose:
 * @wish: what was said about the element
 * @error: %KVS_ERROR_BAD_ARGUMENT with what to correct, or %KVS_ERROR_CREDENTIALS where the profile
 *   would have to tell the region and cannot be read
 *
 * Reads environment and profile. Blocks: not for the I/O thread.
 *
 * Returns: (transfer full) (nullable): where to go
 */
KvsEndpointChoice *
kvs_endpoint_choose (const KvsEndpointWish *wish, GError **error)
{
  g_autoptr (KvsEndpointChoice) choice = g_new0 (KvsEndpointChoice, 1);
  g_autoptr (GError) profile_error = NULL;
  g_autoptr (KvsProfile) profile = load_profile (wish->profile, &profile_error);

  choice->fips = is_on (wish->use_fips, "AWS_USE_FIPS_ENDPOINT",
                        profile != NULL ? profile->use_fips_endpoint : KVS_PROFILE_SWITCH_UNSET);
  choice->dual_stack
      = is_on (wish->use_dual_stack, "AWS_USE_DUALSTACK_ENDPOINT",
               profile != NULL ? profile->use_dualstack_endpoint : KVS_PROFILE_SWITCH_UNSET);
  if (!choose_region (wish, profile, profile_error, choice, error)
      || !choose_endpoint (wish, profile, choice, error)
      || !choose_ca_path (wish, profile, choice, error))
    return NULL;
  return g_steal_pointer (&choice);
}

/**
 * kvs_endpoint_choice_free:
 * @choice: (transfer full) (nullable): a choice
 */
void
kvs_endpoint_choice_free (KvsEndpointChoice *choice)
{
  if (choice == NULL)
    return;
  g_free (choice->region);
  g_free (choice->endpoint);
  g_free (choice->ca_path);
  g_free (choice);
}
