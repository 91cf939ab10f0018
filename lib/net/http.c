/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "net/http.h"

#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "error.h"

#define MAX_HEADER_VALUE_BYTES 512
#define MAX_RETRY_AFTER_S 3600
#define KEEPALIVE_S 20L
/* How long the kernel may keep bytes that the peer does not acknowledge. */
#define TCP_USER_TIMEOUT_MS 30000

/* ---- heads ---- */

static gchar *
header_value (const gchar *line, gsize size, const gchar *name)
{
  gsize name_size = strlen (name);
  gchar *value;

  if (size <= name_size || g_ascii_strncasecmp (line, name, name_size) != 0
      || line[name_size] != ':')
    return NULL;
  value = g_strndup (line + name_size + 1, MIN (size - name_size - 1, MAX_HEADER_VALUE_BYTES));
  return g_strstrip (value);
}

static void
take_header (const gchar *line, gsize size, const gchar *name, gchar **where)
{
  gchar *value = header_value (line, size, name);

  if (value == NULL)
    return;
  g_free (*where);
  *where = value;
}

/* Seconds or a date (RFC 9110 section 10.2.3) */
static void
read_retry_after (KvsHttpHead *head, const gchar *value)
{
  if (g_ascii_isdigit (*value))
    head->retry_after_s
        = (guint) MIN (g_ascii_strtoull (value, NULL, 10), (guint64) MAX_RETRY_AFTER_S);
  else if (g_ascii_isalpha (*value))
    head->retry_at_s = MAX ((gint64) curl_getdate (value, NULL), 0);
}

/* By the service's clock: this machine's may be wrong. */
static void
end_head (KvsHttpHead *head)
{
  if (head->retry_at_s > head->date_s && head->date_s > 0)
    head->retry_after_s = (guint) MIN (head->retry_at_s - head->date_s, MAX_RETRY_AFTER_S);
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

/**
 * kvs_http_head_read_line:
 * @head: what was read so far
 * @line: a line as libcurl's header function gets it, not terminated
 * @size: its size in bytes
 *
 * A new status line (after a 100 Continue, say) begins a new head.
 */
void
kvs_http_head_read_line (KvsHttpHead *head, const gchar *line, gsize size)
{
  g_autofree gchar *date = NULL;
  g_autofree gchar *retry_after = NULL;

  if (size > 9 && memcmp (line, "HTTP/", 5) == 0) {
    const gchar *space = memchr (line, ' ', size);

    kvs_http_head_clear (head);
    if (space != NULL && (gsize) (line + size - space) > 4)
      head->status = (guint) ((space[1] - '0') * 100 + (space[2] - '0') * 10 + (space[3] - '0'));
    return;
  }
  take_header (line, size, "x-amzn-RequestId", &head->request_id);
  take_header (line, size, "x-amzn-ErrorType", &head->error_type);
  if ((date = header_value (line, size, "Date")) != NULL)
    head->date_s = MAX ((gint64) curl_getdate (date, NULL), 0);
  if ((retry_after = header_value (line, size, "Retry-After")) != NULL)
    read_retry_after (head, retry_after);
  if (size <= 2)
    end_head (head);
}

/**
 * kvs_http_head_clear:
 * @head: a head, empty afterwards
 */
void
kvs_http_head_clear (KvsHttpHead *head)
{
  g_free (head->error_type);
  g_free (head->request_id);
  memset (head, 0, sizeof *head);
}

/* ---- what all transfers share ---- */

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
  if (g_file_test (ca_path, G_FILE_TEST_IS_DIR)) {
    curl_easy_setopt (easy, CURLOPT_CAINFO, NULL);
    curl_easy_setopt (easy, CURLOPT_CAPATH, ca_path);
  } else {
    curl_easy_setopt (easy, CURLOPT_CAINFO, ca_path);
  }
  return TRUE;
}

/**
 * kvs_http_configure:
 * @easy: a new handle
 * @options: see #KvsHttpOptions
 * @url: where it goes
 * @error: %KVS_ERROR_BAD_ARGUMENT when the CA bundle is missing
 *
 * Sets what every transfer of ours has: HTTP/1.1, TLS 1.2 or later with verification, time-outs,
 * keep-alive, no redirects.
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
  curl_easy_setopt (easy, CURLOPT_TCP_KEEPALIVE, 1L);
  curl_easy_setopt (easy, CURLOPT_TCP_KEEPIDLE, KEEPALIVE_S);
  curl_easy_setopt (easy, CURLOPT_TCP_KEEPINTVL, KEEPALIVE_S);
  curl_easy_setopt (easy, CURLOPT_SOCKOPTFUNCTION, on_socket_made);
  curl_easy_setopt (easy, CURLOPT_USERAGENT, options->user_agent);
  return set_ca_path (easy, options->ca_path, error);
}

static KvsError
code_of (CURLcode code)
{
  switch (code) {
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
      return KVS_ERROR_BAD_ARGUMENT;
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_ISSUER_ERROR:
      return KVS_ERROR_TLS;
    default:
      return KVS_ERROR_NETWORK;
  }
}

/**
 * kvs_http_error_new:
 * @code: why a transfer failed
 * @detail: (nullable): libcurl's own words, or empty
 * @url: where it went
 *
 * Returns: (transfer full): an error of domain %KVS_ERROR that names the host
 */
GError *
kvs_http_error_new (CURLcode code, const gchar *detail, const gchar *url)
{
  const gchar *reason = detail != NULL && *detail != '\0' ? detail : curl_easy_strerror (code);
  g_autoptr (GUri) uri = g_uri_parse (url, G_URI_FLAGS_NONE, NULL);
  const gchar *host = uri != NULL ? g_uri_get_host (uri) : url;

  if (code == CURLE_COULDNT_RESOLVE_HOST)
    return g_error_new (KVS_ERROR, KVS_ERROR_UNKNOWN_HOST, "Host %s cannot be resolved", host);
  return g_error_new (KVS_ERROR, (gint) code_of (code), "%s: %s", host, reason);
}
