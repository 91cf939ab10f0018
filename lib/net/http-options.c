/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What all transfers of one user have in common, and how libcurl is told. */
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "error.h"
#include "net/http.h"

#define KEEPALIVE_S 20L
/* How long the kernel may keep bytes that the peer does not acknowledge. */
#define TCP_USER_TIMEOUT_MS 30000

/**
 * kvs_http_options_copy:
 * @to: (out): gets copies of all
 * @from: options
 */
void
kvs_http_options_copy (KvsHttpOptions *to, const KvsHttpOptions *from)
{
  *to = *from;
  to->ca_path = g_strdup (from->ca_path);
  to->user_agent = g_strdup (from->user_agent);
  to->proxy = g_strdup (from->proxy);
  to->client_certificate = g_strdup (from->client_certificate);
  to->client_key = g_strdup (from->client_key);
}

/**
 * kvs_http_options_clear:
 * @options: what kvs_http_options_copy() made
 */
void
kvs_http_options_clear (KvsHttpOptions *options)
{
  if (options->proxy != NULL)
    explicit_bzero (options->proxy, strlen (options->proxy));
  g_free (options->proxy);
  g_free (options->ca_path);
  g_free (options->user_agent);
  g_free (options->client_certificate);
  g_free (options->client_key);
  memset (options, 0, sizeof *options);
}

static int
on_socket_made (void *user_data, curl_socket_t fd, curlsocktype purpose)
{
  int timeout_ms = TCP_USER_TIMEOUT_MS;

  setsockopt (fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout_ms, sizeof timeout_ms);
  return CURL_SOCKOPT_OK;
}

static gboolean
set_ca_path (CURL *easy, const gchar *ca_path, GError **error)
{
  gboolean is_folder;

  /* Debian's libcurl has a default folder, and a folder keeps libcurl from sharing one parsed
   * store between the handles of a multi handle: 0.8 MB and 20 ms a connection. */
  curl_easy_setopt (easy, CURLOPT_CAPATH, NULL);
  if (ca_path == NULL)
    return TRUE;
  if (!g_file_test (ca_path, G_FILE_TEST_EXISTS)) {
    g_set_error (error, KVS_ERROR, KVS_ERROR_BAD_ARGUMENT,
                 "The CA bundle %s does not exist; correct ca-path, AWS_CA_BUNDLE or "
                 "KVSSINK_CA_CERT_PATH", ca_path);
    return FALSE;
  }
  is_folder = g_file_test (ca_path, G_FILE_TEST_IS_DIR);
  curl_easy_setopt (easy, CURLOPT_CAINFO, is_folder ? NULL : ca_path);
  curl_easy_setopt (easy, CURLOPT_PROXY_CAINFO, is_folder ? NULL : ca_path);
  if (is_folder) {
    curl_easy_setopt (easy, CURLOPT_CAPATH, ca_path);
    curl_easy_setopt (easy, CURLOPT_PROXY_CAPATH, ca_path);
  }
  return TRUE;
}

static const gchar *
type_of (const gchar *certificate)
{
  return kvs_http_is_pkcs11 (certificate) ? "ENG" : "PEM";
}

/* libcurl loads the engine for PKCS#11 by itself when it sees the address of a key in a token. */
static void
set_client_certificate (CURL *easy, const KvsHttpOptions *options)
{
  const gchar *key = options->client_key;

  if (options->client_certificate == NULL)
    return;
  if (key == NULL)
    key = options->client_certificate;
  curl_easy_setopt (easy, CURLOPT_SSLCERT, options->client_certificate);
  curl_easy_setopt (easy, CURLOPT_SSLCERTTYPE, type_of (options->client_certificate));
  curl_easy_setopt (easy, CURLOPT_SSLKEY, key);
  curl_easy_setopt (easy, CURLOPT_SSLKEYTYPE, type_of (key));
}

/* A proxy that passes requests on would gather an upload that never ends: all go through a tunnel.
 * Its answer is not the service's, so that its headers are kept from those who read those. */
static void
set_proxy (CURL *easy, const KvsHttpOptions *options)
{
  if (options->proxy != NULL)
    curl_easy_setopt (easy, CURLOPT_PROXY, options->proxy);
  curl_easy_setopt (easy, CURLOPT_HTTPPROXYTUNNEL, 1L);
  curl_easy_setopt (easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
  curl_easy_setopt (easy, CURLOPT_PROXY_SSLVERSION, (long) CURL_SSLVERSION_TLSv1_2);
}

static long
resolve_option (KvsIpVersion version)
{
  switch (version) {
    case KVS_IP_VERSION_4:
      return CURL_IPRESOLVE_V4;
    case KVS_IP_VERSION_6:
      return CURL_IPRESOLVE_V6;
    default:
      return CURL_IPRESOLVE_WHATEVER;
  }
}

/**
 * kvs_http_is_pkcs11:
 * @text: (nullable): what was given for a certificate or a key
 *
 * Returns: whether it is in a token, and not in a file
 */
gboolean
kvs_http_is_pkcs11 (const gchar *text)
{
  return text != NULL && g_ascii_strncasecmp (text, "pkcs11:", 7) == 0;
}

/**
 * kvs_http_configure:
 * @easy: a new handle
 * @options: see #KvsHttpOptions
 * @url: where it goes
 * @error: %KVS_ERROR_BAD_ARGUMENT when the CA bundle is missing
 *
 * Sets what every transfer of ours has: HTTP/1.1, TLS 1.2 or later with verification, proxy, client
 * certificate, time-outs, keep-alive, no redirects.
 *
 * Returns: whether the handle can be used
 */
gboolean
kvs_http_configure (CURL *easy, const KvsHttpOptions *options, const gchar *url, GError **error)
{
  curl_easy_setopt (easy, CURLOPT_URL, url);
  curl_easy_setopt (easy, CURLOPT_POST, 1L);
  curl_easy_setopt (easy, CURLOPT_HTTP_VERSION, (long) CURL_HTTP_VERSION_1_1);
  curl_easy_setopt (easy, CURLOPT_SSLVERSION, (long) CURL_SSLVERSION_TLSv1_2);
  curl_easy_setopt (easy, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt (easy, CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt (easy, CURLOPT_CONNECTTIMEOUT_MS, (long) options->connect_timeout_ms);
  curl_easy_setopt (easy, CURLOPT_IPRESOLVE, resolve_option (options->ip_version));
  curl_easy_setopt (easy, CURLOPT_TCP_KEEPALIVE, 1L);
  curl_easy_setopt (easy, CURLOPT_TCP_KEEPIDLE, KEEPALIVE_S);
  curl_easy_setopt (easy, CURLOPT_TCP_KEEPINTVL, KEEPALIVE_S);
  curl_easy_setopt (easy, CURLOPT_SOCKOPTFUNCTION, on_socket_made);
  curl_easy_setopt (easy, CURLOPT_USERAGENT, options->user_agent);
  set_proxy (easy, options);
  set_client_certificate (easy, options);
  return set_ca_path (easy, options->ca_path, error);
}

/**
 * kvs_http_get_unsent_bytes:
 * @easy: a running transfer
 *
 * I/O thread only.
 *
 * Returns: what libcurl has given the kernel and the peer has not confirmed, in bytes
 */
guint
kvs_http_get_unsent_bytes (CURL *easy)
{
  curl_socket_t fd = CURL_SOCKET_BAD;
  int n_bytes = 0;

  if (curl_easy_getinfo (easy, CURLINFO_ACTIVESOCKET, &fd) != CURLE_OK || fd == CURL_SOCKET_BAD
      || ioctl (fd, SIOCOUTQ, &n_bytes) != 0)
    return 0;
  return (guint) MAX (n_bytes, 0);
}
