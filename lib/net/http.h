/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Short HTTP calls on the I/O thread, and what all transfers have in common. */
#pragma once

#include <curl/curl.h>
#include <glib.h>

#include "net/loop.h"

G_BEGIN_DECLS

/**
 * KvsIpVersion:
 * @KVS_IP_VERSION_ANY: whatever works first
 * @KVS_IP_VERSION_4: IPv4 alone
 * @KVS_IP_VERSION_6: IPv6 alone
 */
typedef enum {
  KVS_IP_VERSION_ANY = 0,
  KVS_IP_VERSION_4 = 4,
  KVS_IP_VERSION_6 = 6,
} KvsIpVersion;

/**
 * KvsHttpOptions:
 * @ca_path: (nullable): file or folder of trusted certificates; %NULL for the system's
 * @user_agent: value of the User-Agent header
 * @connect_timeout_ms: bound on resolving, connecting and the TLS handshake
 * @total_timeout_ms: bound on a whole short call; PutMedia has none
 * @ip_version: which addresses of a host are tried
 * @proxy: (nullable): address of a proxy, which may hold a password; empty for none, %NULL for that of
 *   the environment. Exceptions come from NO_PROXY in any case
 * @client_certificate: (nullable): PEM file, or a "pkcs11:" address
 * @client_key: (nullable): the same for its key; %NULL for the one in @client_certificate
 */
typedef struct {
  gchar *ca_path;
  gchar *user_agent;
  guint connect_timeout_ms;
  guint total_timeout_ms;
  KvsIpVersion ip_version;
  gchar *proxy;
  gchar *client_certificate;
  gchar *client_key;
} KvsHttpOptions;

void kvs_http_options_copy (KvsHttpOptions *to, const KvsHttpOptions *from);
void kvs_http_options_clear (KvsHttpOptions *options);
gboolean kvs_http_is_pkcs11 (const gchar *text);

/**
 * KvsHttpHead:
 * @status: 0 until the status line came
 * @error_type: (nullable): x-amzn-ErrorType as sent
 * @request_id: (nullable): x-amzn-RequestId
 * @date_s: the service's clock (Date), Unix seconds; 0 if not sent
 * @retry_at_s: Retry-After where it is a date, Unix seconds; else 0
 * @retry_after_s: Retry-After, an hour at most; 0 if not sent. Where it is a date, counted from @date_s
 *   once the head has ended
 *
 * What is read of an answer's head.
 */
typedef struct {
  guint status;
  gchar *error_type;
  gchar *request_id;
  gint64 date_s;
  gint64 retry_at_s;
  guint retry_after_s;
} KvsHttpHead;

/**
 * KvsHttpDoneFunc:
 * @head: (nullable): the answer's head; %NULL with @error
 * @body: (nullable): the answer's body; %NULL with @error
 * @error: (nullable): why there is no answer
 * @user_data: what was given with it
 *
 * Runs on the I/O thread. Every HTTP status counts as an answer.
 */
typedef void (*KvsHttpDoneFunc) (const KvsHttpHead *head, GBytes *body, const GError *error,
                                 gpointer user_data);

typedef struct _KvsHttpCall KvsHttpCall;

/**
 * KvsHttpRequest:
 * @method: "GET", "PUT" or "POST"
 * @url: where to, http or https
 * @headers: (nullable): header lines, ended by %NULL
 * @body: (nullable): what to send; none with GET
 * @max_answer_bytes: of the answer's body; 0 for 1 MiB
 * @connect_timeout_ms: 0 for that of #KvsHttpOptions
 * @total_timeout_ms: 0 for that of #KvsHttpOptions
 * @client_certificate_pem: (nullable): certificate, and those between it and its CA
 * @client_key_pem: (nullable): its private key
 * @ca_path: (nullable): file or folder of trusted certificates in place of that of #KvsHttpOptions
 * @sni_host: (nullable): whom TLS asks for and whose certificate it expects, where @url has an
 *   address or another name; the Host header follows it
 * @no_proxy: whether to go straight there, whatever the environment says of proxies
 *
 * What kvs_http_request() sends. All is copied.
 */
typedef struct {
  const gchar *method;
  const gchar *url;
  const gchar *const *headers;
  const gchar *body;
  gsize max_answer_bytes;
  guint connect_timeout_ms;
  guint total_timeout_ms;
  const gchar *client_certificate_pem;
  const gchar *client_key_pem;
  const gchar *ca_path;
  const gchar *sni_host;
  gboolean no_proxy;
} KvsHttpRequest;

KvsHttpCall *kvs_http_request (KvsLoop *loop, const KvsHttpOptions *options,
                               const KvsHttpRequest *request, KvsHttpDoneFunc func,
                               gpointer user_data);
KvsHttpCall *kvs_http_post (KvsLoop *loop, const KvsHttpOptions *options, const gchar *url,
                            struct curl_slist *headers, const gchar *body, KvsHttpDoneFunc func,
                            gpointer user_data);
void kvs_http_call_cancel (KvsHttpCall *call);

gboolean kvs_http_configure (CURL *easy, const KvsHttpOptions *options, const gchar *url,
                             GError **error);
GError *kvs_http_error_new (CURL *easy, const KvsHttpOptions *options, CURLcode code,
                            const gchar *detail, const gchar *url);
guint kvs_http_get_unsent_bytes (CURL *easy);
void kvs_http_head_read_line (KvsHttpHead *head, const gchar *line, gsize size);
void kvs_http_head_clear (KvsHttpHead *head);

G_END_DECLS
