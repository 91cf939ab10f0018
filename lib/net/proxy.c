/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "net/proxy.h"

#include <string.h>

#define DEFAULT_PORT 1080

/* As curl has it, which takes what has no scheme for http. */
static GUri *
parse (const gchar *proxy)
{
  g_autofree gchar *full
      = strstr (proxy, "://") != NULL ? g_strdup (proxy) : g_strconcat ("http://", proxy, NULL);
  GUri *uri = g_uri_parse (full, G_URI_FLAGS_HAS_PASSWORD | G_URI_FLAGS_PARSE_RELAXED, NULL);

  explicit_bzero (full, strlen (full));
  return uri;
}

static gint
port_of (GUri *uri)
{
  gint port = g_uri_get_port (uri);

  if (port > 0)
    return port;
  return g_str_equal (g_uri_get_scheme (uri), "https") ? 443 : DEFAULT_PORT;
}

/**
 * kvs_proxy_check:
 * @proxy: what a user gave for a proxy; empty for none at all
 * @error: what is wrong with it, as %KVS_ERROR_BAD_ARGUMENT, without a word of it
 *
 * Returns: whether it is one
 */
gboolean
kvs_proxy_check (const gchar *proxy, GError **error)
{
  static const gchar *const schemes[]
      = { "http", "https", "socks4", "socks4a", "socks5", "socks5h", NULL };
  g_autoptr (GUri) uri = NULL;

  if (*proxy == '\0')
    return TRUE;
  uri = parse (proxy);
  if (uri != NULL && g_strv_contains (schemes, g_uri_get_scheme (uri))
      && g_uri_get_host (uri) != NULL && *g_uri_get_host (uri) != '\0'
      && strpbrk (proxy, " \t\r\n") == NULL)
    return TRUE;
  g_set_error (error, KVS_ERROR, KVS_ERROR_BAD_ARGUMENT,
               "proxy is not the address of a proxy, such as http://proxy.example:3128; %% and "
               "other special characters of a user name or password are written as %%25 and so on");
  return FALSE;
}

static const gchar *
from_environment (const gchar *url, const gchar **where)
{
  /* in capitals, HTTP_PROXY could be a header of a web server */
  static const gchar *const of_http[] = { "http_proxy", "all_proxy", "ALL_PROXY", NULL };
  static const gchar *const of_https[]
      = { "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", NULL };
  const gchar *const *names = g_str_has_prefix (url, "https:") ? of_https : of_http;

  for (; *names != NULL; names++) {
    const gchar *value = g_getenv (*names);

    if (value != NULL && *value != '\0') {
      *where = *names;
      return value;
    }
  }
  return NULL;
}

/**
 * kvs_proxy_describe:
 * @proxy: (nullable): the proxy that was asked for; %NULL for that of the environment
 * @url: where a transfer went
 * @where: (out): where the proxy was set: a property or a variable
 *
 * Returns: (transfer full) (nullable): "host port N" of the proxy that libcurl would take; %NULL for
 *   none. Exceptions (NO_PROXY) are not looked at.
 */
gchar *
kvs_proxy_describe (const gchar *proxy, const gchar *url, const gchar **where)
{
  g_autoptr (GUri) uri = NULL;

  *where = "proxy";
  if (proxy == NULL)
    proxy = from_environment (url, where);
  if (proxy == NULL || *proxy == '\0')
    return NULL;
  uri = parse (proxy);
  if (uri == NULL || g_uri_get_host (uri) == NULL)
    return NULL;
  return g_strdup_printf ("%s port %d", g_uri_get_host (uri), port_of (uri));
}
