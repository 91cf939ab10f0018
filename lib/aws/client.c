/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "aws/client.h"

#include <string.h>

#include "aws/json-text.h"
#include "error.h"

#define SERVICE "kinesisvideo"
/* The service refuses signatures that are 5 minutes off; below that there is nothing to mend. */
#define MIN_CLOCK_SKEW_S 60
#define MAX_SIGNED_HEADERS 16

struct _KvsAwsCall {
  KvsAwsClient *client;
  KvsHttpCall *http;
  gchar *operation;
  gchar *url;
  gchar *body;
  gboolean clock_was_corrected;
  KvsAwsDoneFunc func;
  gpointer user_data;
};

/**
 * kvs_aws_client_new:
 * @loop: where requests run
 * @region: region of the signature
 * @endpoint: base URL of the control plane
 * @credentials: (nullable): what to sign with; %NULL until kvs_aws_client_set_credentials()
 * @http: copied
 *
 * Returns: (transfer full): a new client
 */
KvsAwsClient *
kvs_aws_client_new (KvsLoop *loop, const gchar *region, const gchar *endpoint,
                    KvsCredentials *credentials, const KvsHttpOptions *http)
{
  KvsAwsClient *client = g_new0 (KvsAwsClient, 1);

  client->loop = kvs_loop_ref (loop);
  kvs_http_options_copy (&client->http, http);
  client->region = g_strdup (region);
  client->endpoint = g_strdup (endpoint);
  client->credentials = credentials != NULL ? kvs_credentials_ref (credentials) : NULL;
  return client;
}

/**
 * kvs_aws_client_free:
 * @client: (transfer full) (nullable): a client whose calls have ended
 */
void
kvs_aws_client_free (KvsAwsClient *client)
{
  if (client == NULL)
    return;
  kvs_loop_release (client->loop);
  kvs_http_options_clear (&client->http);
  g_free (client->region);
  g_free (client->endpoint);
  g_clear_pointer (&client->credentials, kvs_credentials_unref);
  kvs_sigv4_signing_key_clear (&client->signing_key);
  g_free (client);
}

/**
 * kvs_aws_client_set_credentials:
 * @client: a client
 * @credentials: what to sign with from now on
 *
 * I/O thread only.
 */
void
kvs_aws_client_set_credentials (KvsAwsClient *client, KvsCredentials *credentials)
{
  if (client->credentials == credentials)
    return;
  kvs_sigv4_signing_key_clear (&client->signing_key);
  kvs_credentials_ref (credentials);
  g_clear_pointer (&client->credentials, kvs_credentials_unref);
  client->credentials = credentials;
}

/* As libcurl writes it: the port only where it is not the scheme's own. */
static gchar *
host_header (GUri *uri)
{
  const gchar *host = g_uri_get_host (uri);
  gboolean is_v6 = strchr (host, ':') != NULL;
  gint port = g_uri_get_port (uri);
  gint own_port = g_strcmp0 (g_uri_get_scheme (uri), "http") == 0 ? 80 : 443;
  g_autofree gchar *name = is_v6 ? g_strdup_printf ("[%s]", host) : g_strdup (host);

  if (port < 0 || port == own_port)
    return g_steal_pointer (&name);
  return g_strdup_printf ("%s:%d", name, port);
}

static struct curl_slist *
append_header (struct curl_slist *list, const gchar *name, const gchar *value)
{
  g_autofree gchar *line = g_strdup_printf ("%s: %s", name, value);

  return curl_slist_append (list, line);
}

/**
 * kvs_aws_client_sign:
 * @client: a client
 * @url: where the request goes
 * @headers: headers to send and to sign, besides host, date and session token
 * @n_headers: how many
 * @payload_sha256_hex: hash line of the signature
 *
 * Makes the header lines of a signed POST request (kvs-api.md section 17). Headers that a proxy may
 * rewrite are not given here, so they are not signed. I/O thread only.
 *
 * Returns: (transfer full): header lines for libcurl
 */
struct curl_slist *
kvs_aws_client_sign (KvsAwsClient *client, const gchar *url, const KvsSigv4Header *headers,
                     guint n_headers, const gchar *payload_sha256_hex)
{
  g_autoptr (GUri) uri = g_uri_parse (url, G_URI_FLAGS_ENCODED, NULL);
  g_autofree gchar *host = host_header (uri);
  g_autofree gchar *date
      = kvs_sigv4_format_date (g_get_real_time () / G_USEC_PER_SEC + client->clock_skew_s);
  g_autofree gchar *authorization = NULL;
  const KvsCredentials *credentials = client->credentials;
  KvsSigv4Header all[MAX_SIGNED_HEADERS];
  guint n = 0;
  KvsSigv4Scope scope = { date, client->region, SERVICE };
  struct curl_slist *lines = NULL;

  g_assert (n_headers + 3 <= MAX_SIGNED_HEADERS);
  memcpy (all, headers, n_headers * sizeof *headers);
  n = n_headers;
  all[n++] = (KvsSigv4Header) { "x-amz-date", date };
  if (credentials->session_token != NULL)
    all[n++] = (KvsSigv4Header) { "x-amz-security-token", credentials->session_token };
  for (guint i = 0; i < n; i++)
    lines = append_header (lines, all[i].name, all[i].value);
  all[n++] = (KvsSigv4Header) { "host", host };

  {
    KvsSigv4Request request = {
      .method = "POST",
      .path = g_uri_get_path (uri),
      .headers = all,
      .n_headers = n,
      .payload_sha256_hex = payload_sha256_hex,
    };

    authorization
        = kvs_sigv4_authorization_with_key (&request, &scope, credentials->access_key,
                                            credentials->secret_key, &client->signing_key);
  }
  return append_header (lines, "Authorization", authorization);
}

/**
 * kvs_aws_client_correct_clock:
 * @client: a client
 * @service_error: what the service said
 * @service_date_s: its Date header, Unix seconds; 0 if not sent
 *
 * A camera's clock is often wrong until its network is up. Where a signature was refused and the
 * service's clock differs, later requests are signed with the service's time. I/O thread only.
 *
 * Returns: whether the request is worth repeating
 */
gboolean
kvs_aws_client_correct_clock (KvsAwsClient *client, const KvsServiceError *service_error,
                              gint64 service_date_s)
{
  gint64 skew_s = service_date_s - g_get_real_time () / G_USEC_PER_SEC;

  if (service_date_s == 0 || !kvs_service_error_is_clock_skew (service_error))
    return FALSE;
  if (ABS (skew_s - client->clock_skew_s) < MIN_CLOCK_SKEW_S)
    return FALSE;
  client->clock_skew_s = skew_s;
  return TRUE;
}

/**
 * kvs_aws_read_refusal:
 * @head: head of an answer other than 200
 * @body: its body
 * @size: of @body, in bytes
 *
 * Returns: (transfer full): what the service said
 */
KvsServiceError *
kvs_aws_read_refusal (const KvsHttpHead *head, const guint8 *body, gsize size)
{
  const KvsServiceAnswer answer = {
    .http_status = head->status,
    .error_type = head->error_type,
    .request_id = head->request_id,
    .body = (const gchar *) body,
    .body_size = size,
  };
  KvsServiceError *error = kvs_service_error_parse (&answer);

  error->retry_after_s = head->retry_after_s;
  return error;
}

/* ---- calls ---- */

static void
call_free (KvsAwsCall *call)
{
  g_free (call->operation);
  g_free (call->url);
  g_free (call->body);
  g_free (call);
}

static void
call_fail (KvsAwsCall *call, const KvsServiceError *service_error, const GError *error)
{
  call->func (NULL, service_error, error, call->user_data);
}

static void
fail_unanswered (KvsAwsCall *call, const GError *reason)
{
  g_autoptr (GError) error = g_error_copy (reason);

  g_prefix_error (&error, "%s: ", call->operation);
  call_fail (call, NULL, error);
}

static void send_call (KvsAwsCall *call);

/* Returns: whether the call goes on. */
static gboolean
handle_refusal (KvsAwsCall *call, const KvsHttpHead *head, GBytes *body)
{
  gsize size;
  const guint8 *data = g_bytes_get_data (body, &size);
  g_autoptr (KvsServiceError) service_error = kvs_aws_read_refusal (head, data, size);
  g_autoptr (GError) error = NULL;

  if (!call->clock_was_corrected
      && kvs_aws_client_correct_clock (call->client, service_error, head->date_s)) {
    call->clock_was_corrected = TRUE;
    send_call (call);
    return TRUE;
  }
  error = kvs_service_error_to_gerror (service_error, call->operation);
  call_fail (call, service_error, error);
  return FALSE;
}

static void
handle_success (KvsAwsCall *call, GBytes *body)
{
  g_autoptr (JsonNode) root = NULL;
  g_autoptr (JsonObject) none = NULL;
  JsonObject *answer = NULL;
  gsize size;
  const gchar *text = g_bytes_get_data (body, &size);

  if (size == 0) {
    /* operations without output */
    answer = none = json_object_new ();
  } else if ((root = kvs_json_text_parse (text, size)) != NULL) {
    answer = json_node_get_object (root);
  }
  if (answer == NULL) {
    g_autoptr (GError) error
        = g_error_new (KVS_ERROR, KVS_ERROR_SERVICE,
                       "%s was answered with something that is not JSON", call->operation);

    call_fail (call, NULL, error);
    return;
  }
  call->func (answer, NULL, NULL, call->user_data);
}

static void
on_answer (const KvsHttpHead *head, GBytes *body, const GError *error, gpointer user_data)
{
  KvsAwsCall *call = user_data;

  call->http = NULL;
  if (error != NULL)
    fail_unanswered (call, error);
  else if (head->status == 200)
    handle_success (call, body);
  else if (handle_refusal (call, head, body))
    return;
  call_free (call);
}

static void
send_call (KvsAwsCall *call)
{
  g_autofree gchar *hash = kvs_sigv4_payload_hash ((const guint8 *) call->body,
                                                   strlen (call->body));
  const KvsSigv4Header headers[] = { { "content-type", "application/json" } };
  struct curl_slist *lines = kvs_aws_client_sign (call->client, call->url, headers,
                                                  G_N_ELEMENTS (headers), hash);

  call->http = kvs_http_post (call->client->loop, &call->client->http, call->url, lines,
                              call->body, on_answer, call);
}

static gchar *
to_json (JsonObject *object)
{
  g_autoptr (JsonNode) node = json_node_new (JSON_NODE_OBJECT);

  json_node_set_object (node, object);
  return json_to_string (node, FALSE);
}

/**
 * kvs_aws_client_call:
 * @client: a client; must outlive the call
 * @operation: what error messages call it, such as "DescribeStream of stream cam"
 * @path: such as "/describeStream"
 * @request: its JSON body
 * @func: called once, never before this function has returned
 * @user_data: for @func
 *
 * I/O thread only.
 *
 * Returns: (transfer none): the call, until @func is called or kvs_aws_call_cancel()
 */
KvsAwsCall *
kvs_aws_client_call (KvsAwsClient *client, const gchar *operation, const gchar *path,
                     JsonObject *request, KvsAwsDoneFunc func, gpointer user_data)
{
  KvsAwsCall *call = g_new0 (KvsAwsCall, 1);

  call->client = client;
  call->operation = g_strdup (operation);
  call->url = g_strconcat (client->endpoint, path, NULL);
  call->body = to_json (request);
  call->func = func;
  call->user_data = user_data;
  send_call (call);
  return call;
}

/**
 * kvs_aws_call_cancel:
 * @call: (transfer full): a call whose function was not called yet
 *
 * I/O thread only. The function will not be called.
 */
void
kvs_aws_call_cancel (KvsAwsCall *call)
{
  if (call->http != NULL)
    kvs_http_call_cancel (call->http);
  call_free (call);
}
