/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "aws/endpoint.h"

#include <arpa/inet.h>
#include <string.h>

#define MAX_URL_BYTES 2048

/* Partitions, by how their regions begin; the last row takes all others. us-gov- has hosts like the
 * commercial regions. */
static const struct {
  const gchar *region_prefix;
  const gchar *suffix;
  const gchar *dual_stack_suffix;
} partitions[] = {
  { "cn-", "amazonaws.com.cn", "api.amazonwebservices.com.cn" },
  { "us-iso-", "c2s.ic.gov", "api.aws.ic.gov" },
  { "us-isob-", "sc2s.sgov.gov", "api.aws.scloud" },
  { "us-isof-", "csp.hci.ic.gov", "api.aws.hci.ic.gov" },
  { "eu-isoe-", "cloud.adc-e.uk", "api.cloud-aws.adc-e.uk" },
  { "eusc-", "amazonaws.eu", "api.amazonwebservices.eu" },
  { "", "amazonaws.com", "api.aws" },
};

/* Every region of AWS as of 2026, whether the service is offered there or not */
static const gchar *const known_regions[] = {
  "af-south-1",
  "ap-east-1", "ap-east-2",
  "ap-northeast-1", "ap-northeast-2", "ap-northeast-3",
  "ap-south-1", "ap-south-2",
  "ap-southeast-1", "ap-southeast-2", "ap-southeast-3", "ap-southeast-4", "ap-southeast-5",
  "ap-southeast-6", "ap-southeast-7",
  "ca-central-1", "ca-west-1",
  "eu-central-1", "eu-central-2",
  "eu-north-1",
  "eu-south-1", "eu-south-2",
  "eu-west-1", "eu-west-2", "eu-west-3",
  "il-central-1",
  "me-central-1", "me-south-1",
  "mx-central-1",
  "sa-east-1",
  "us-east-1", "us-east-2",
  "us-west-1", "us-west-2",
  "cn-north-1", "cn-northwest-1",
  "us-gov-east-1", "us-gov-west-1",
  "us-iso-east-1", "us-iso-west-1",
  "us-isob-east-1", "us-isob-west-1",
  "us-isof-east-1", "us-isof-south-1",
  "eu-isoe-west-1",
  "eusc-de-east-1",
  NULL
};

/**
 * kvs_region_is_valid:
 * @region: (nullable): a region's name
 *
 * Returns: whether @region looks like a region: two letters or more, words in between, a number at
 *   the end, joined by hyphens
 */
gboolean
kvs_region_is_valid (const gchar *region)
{
  const gchar *digits = "0123456789";
  guint words = 0;
  const gchar *at = region;

  if (region == NULL)
    return FALSE;
  for (;;) {
    gsize letters = strspn (at, "abcdefghijklmnopqrstuvwxyz");

    if (letters < (words == 0 ? 2 : 1) || at[letters] != '-')
      break;
    at += letters + 1;
    words++;
  }
  return words >= 2 && *at != '\0' && at[strspn (at, digits)] == '\0'
         && strlen (region) <= 63;
}

/**
 * kvs_region_is_known:
 * @region: (nullable): a region's name
 *
 * AWS opens new regions, so that one that is not known may still be right: good for a hint about a
 * slip of the pen, not for an error.
 *
 * Returns: whether @region is one of the regions of AWS at the time of writing
 */
gboolean
kvs_region_is_known (const gchar *region)
{
  return region != NULL && g_strv_contains (known_regions, region);
}

/* STS in the regions of us-gov- has one host for both. */
static gboolean
is_fips_without_saying (const gchar *service, const gchar *region)
{
  return g_str_equal (service, "sts") && g_str_has_prefix (region, "us-gov-");
}

/**
 * kvs_endpoint_for_service:
 * @service: as it stands in host names, such as "kinesisvideo" or "sts"
 * @region: a region's name
 * @fips: whether to use the FIPS 140 host
 * @dual_stack: whether to use the host that has IPv6 addresses too
 *
 * Builds a service's address by the rules of kvs-api.md section 3, which are those of STS too. Any
 * thread.
 *
 * Returns: (transfer full) (nullable): "https://host", or %NULL when @region is not valid
 */
gchar *
kvs_endpoint_for_service (const gchar *service, const gchar *region, gboolean fips,
                          gboolean dual_stack)
{
  guint i = 0;

  if (!kvs_region_is_valid (region))
    return NULL;
  while (!g_str_has_prefix (region, partitions[i].region_prefix))
    i++;
  if (fips && !dual_stack && is_fips_without_saying (service, region))
    fips = FALSE;
  return g_strdup_printf ("https://%s%s.%s.%s", service, fips ? "-fips" : "", region,
                          dual_stack ? partitions[i].dual_stack_suffix : partitions[i].suffix);
}

static gboolean
is_ipv6 (const gchar *host)
{
  struct in6_addr address;

  return inet_pton (AF_INET6, host, &address) == 1;
}

static gboolean
is_loopback (const gchar *host)
{
  struct in_addr v4;
  struct in6_addr v6;

  if (g_ascii_strcasecmp (host, "localhost") == 0)
    return TRUE;
  if (inet_pton (AF_INET, host, &v4) == 1)
    return ntohl (v4.s_addr) >> 24 == 127;
  return inet_pton (AF_INET6, host, &v6) == 1 && IN6_IS_ADDR_LOOPBACK (&v6);
}

static gboolean
is_host_name (const gchar *host)
{
  return *host != '\0'
         && host[strspn (host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                               "0123456789-._")] == '\0';
}

static gboolean
has_only_visible_ascii (const gchar *text)
{
  for (; *text != '\0'; text++)
    if (!g_ascii_isgraph (*text) || *text == '\\')
      return FALSE;
  return TRUE;
}

/* Every part that no base address has, or that would be dangerous. Messages never show the address
 * itself: it may hold a password. */
static const gchar *
find_fault (GUri *uri, gboolean allow_insecure)
{
  const gchar *scheme = g_uri_get_scheme (uri);
  const gchar *host = g_uri_get_host (uri);

  if (!g_str_equal (scheme, "https") && !g_str_equal (scheme, "http"))
    return "it must begin with https://";
  if (g_uri_get_userinfo (uri) != NULL)
    return "it must not hold a user name or password";
  if (host == NULL || (!is_host_name (host) && !is_ipv6 (host)))
    return "it has no valid host name";
  if (g_uri_get_port (uri) == 0)
    return "0 is not a port";
  if (g_uri_get_query (uri) != NULL || g_uri_get_fragment (uri) != NULL)
    return "it must not hold a query (?) or a fragment (#)";
  if (g_str_equal (scheme, "http") && !allow_insecure && !is_loopback (host))
    return "plain http:// is for this machine (localhost) alone, use https://";
  return NULL;
}

/* The form in which the host is signed: lower case and without the scheme's own port, which libcurl
 * leaves out of the Host header */
static gchar *
normalise (GUri *uri)
{
  const gchar *scheme = g_uri_get_scheme (uri);
  g_autofree gchar *host = g_ascii_strdown (g_uri_get_host (uri), -1);
  gint port = g_uri_get_port (uri);
  gint default_port = g_str_equal (scheme, "https") ? 443 : 80;
  gboolean bracket = strchr (host, ':') != NULL;
  GString *out = g_string_new (NULL);

  g_string_append_printf (out, "%s://%s%s%s", scheme, bracket ? "[" : "", host,
                          bracket ? "]" : "");
  if (port > 0 && port != default_port)
    g_string_append_printf (out, ":%d", port);
  g_string_append (out, g_uri_get_path (uri));
  while (g_str_has_suffix (out->str, "/"))
    g_string_truncate (out, out->len - 1);
  return g_string_free (out, FALSE);
}

/**
 * kvs_endpoint_check_url:
 * @url: an address that a user or the service gave
 * @allow_insecure: whether http:// may leave this machine
 * @normalised: (out) (optional) (transfer full): the address without trailing slash, to which
 *   paths such as "/putMedia" are appended
 * @error: where to say what is wrong, as %KVS_ERROR_BAD_ARGUMENT
 *
 * Accepts https:// anywhere and http:// to loopback addresses.
 *
 * Returns: whether @url is good
 */
gboolean
kvs_endpoint_check_url (const gchar *url, gboolean allow_insecure, gchar **normalised,
                        GError **error)
{
  g_autoptr (GUri) uri = NULL;
  const gchar *fault = NULL;

  if (url == NULL || *url == '\0')
    fault = "it is empty";
  else if (strlen (url) > MAX_URL_BYTES)
    fault = "it is too long";
  else if (!has_only_visible_ascii (url))
    fault = "it holds a space or another character that has no place in an address";
  else if (strstr (url, "://") == NULL)
    fault = "it must begin with https://";
  else if ((uri = g_uri_parse (url, G_URI_FLAGS_ENCODED_PATH, NULL)) == NULL)
    fault = "it is not an address of the form https://host[:port]";
  else
    fault = find_fault (uri, allow_insecure);

  if (fault != NULL) {
    g_set_error (error, KVS_ERROR, KVS_ERROR_BAD_ARGUMENT, "Bad endpoint address: %s", fault);
    return FALSE;
  }
  if (normalised != NULL)
    *normalised = normalise (uri);
  return TRUE;
}
