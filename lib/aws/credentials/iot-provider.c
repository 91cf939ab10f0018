/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "aws/credentials/iot-provider.h"

#include <string.h>

#include "aws/credentials/client-certificate.h"
#include "aws/credentials/remote-provider.h"

/* As the existing kvssink has them. */
#define CONNECT_TIMEOUT_MS 3000
#define TOTAL_TIMEOUT_MS 5000
#define MAX_NAME_BYTES 128
#define HINT "look at the certificate's IoT policy (iot:AssumeRoleWithCertificate), the role " \
             "alias and the thing's name"

typedef struct {
  KvsRemoteProvider remote;
  KvsIotOptions options;
} KvsIotProvider;

typedef struct {
  gchar *certificate_path;
  gchar *key_path;
} Paths;

static const KvsAnswerForm form = {
  .member = "credentials",
  .access_key = "accessKeyId",
  .secret_key = "secretAccessKey",
  .session_token = "sessionToken",
  .expiration = "expiration",
};

/* ---- what is given ---- */

static gboolean
is_name (const gchar *text, const gchar *marks)
{
  gsize size = strlen (text);

  if (size == 0 || size > MAX_NAME_BYTES)
    return FALSE;
  for (gsize i = 0; i < size; i++)
    if (!g_ascii_isalnum (text[i]) && strchr (marks, text[i]) == NULL)
      return FALSE;
  return TRUE;
}

static const gchar *
missing_option (const KvsIotOptions *options)
{
  const struct {
    const gchar *name;
    const gchar *value;
  } needed[] = {
    { "endpoint", options->endpoint },
    { "cert-path", options->certificate_path },
    { "key-path", options->key_path },
    { "role-aliases", options->role_alias },
  };

  for (guint i = 0; i < G_N_ELEMENTS (needed); i++)
    if (needed[i].value == NULL || *needed[i].value == '\0')
      return needed[i].name;
  return NULL;
}

static GError *
check_options (KvsIotProvider *provider)
{
  const KvsIotOptions *options = &provider->options;
  const gchar *name = provider->remote.base.name;
  const gchar *missing = missing_option (options);

  if (missing != NULL)
    return g_error_new (KVS_ERROR, KVS_ERROR_CREDENTIALS, "%s: %s is missing; set it", name,
                        missing);
  if (strpbrk (options->endpoint, "/?#@ \t\r\n") != NULL)
    return g_error_new (KVS_ERROR, KVS_ERROR_CREDENTIALS, "%s: endpoint must be a host name as "
                        "\"aws iot describe-endpoint --endpoint-type iot:CredentialProvider\" "
                        "tells it", name);
  if (!is_name (options->role_alias, "=,@_-"))
    return g_error_new (KVS_ERROR, KVS_ERROR_CREDENTIALS, "%s: role-aliases must be the name of "
                        "one role alias: 1 to 128 letters, digits or any of _=,@-", name);
  if (options->thing_name != NULL && !is_name (options->thing_name, ":_-"))
    return g_error_new (KVS_ERROR, KVS_ERROR_CREDENTIALS, "%s: iot-thing-name must be 1 to 128 "
                        "letters, digits or any of :_-", name);
  return NULL;
}

/* ---- a fetch ---- */

static void
on_answer (KvsRemoteFetch *fetch, const KvsHttpHead *head, GBytes *body, const GError *error)
{
  const KvsIotOptions *options = &((KvsIotProvider *) fetch->provider)->options;

  if (error != NULL)
    kvs_remote_fetch_fail (fetch, g_error_new (KVS_ERROR, error->code, "%s (client certificate %s)",
                                               error->message, options->certificate_path));
  else
    kvs_remote_fetch_finish_json (fetch, head, body, NULL, &form, HINT);
}

static void
ask (KvsRemoteFetch *fetch, const KvsClientCertificate *certificate)
{
  const KvsIotOptions *options = &((KvsIotProvider *) fetch->provider)->options;
  g_autofree gchar *alias = g_uri_escape_string (options->role_alias, NULL, FALSE);
  g_autofree gchar *url = g_strdup_printf ("https://%s/role-aliases/%s/credentials",
                                           options->endpoint, alias);
  g_autofree gchar *thing = options->thing_name != NULL
                              ? g_strconcat ("x-amzn-iot-thingname: ", options->thing_name, NULL)
                              : NULL;
  const gchar *headers[] = { thing, NULL };
  const KvsHttpRequest request = {
    .method = "GET",
    .url = url,
    .headers = headers,
    .connect_timeout_ms = options->connect_timeout_ms,
    .total_timeout_ms = options->total_timeout_ms,
    .client_certificate_pem = certificate->certificate_pem,
    .client_key_pem = certificate->key_pem,
    .ca_path = options->ca_path,
    .sni_host = options->sni_host,
  };

  kvs_remote_fetch_ask (fetch, &request, NULL, on_answer);
}

static gpointer
load_certificate (gpointer input, GError **error)
{
  const Paths *paths = input;

  return kvs_client_certificate_load (paths->certificate_path, paths->key_path, error);
}

static void
free_paths (gpointer data)
{
  Paths *paths = data;

  g_free (paths->certificate_path);
  g_free (paths->key_path);
  g_free (paths);
}

static void
free_certificate (gpointer certificate)
{
  kvs_client_certificate_free (certificate);
}

static void
on_certificate (KvsRemoteFetch *fetch, gpointer result, const GError *error)
{
  if (error == NULL)
    ask (fetch, result);
  else
    kvs_remote_fetch_fail_named (fetch, error);
}

static KvsCredentialsFetch *
fetch_credentials (KvsCredentialsProvider *provider, KvsCredentialsFunc func, gpointer user_data)
{
  KvsIotProvider *self = (KvsIotProvider *) provider;
  KvsRemoteFetch *fetch = g_new0 (KvsRemoteFetch, 1);
  GError *wrong = check_options (self);
  Paths *paths;

  kvs_remote_fetch_init (fetch, &self->remote, NULL, func, user_data);
  if (wrong != NULL) {
    kvs_remote_fetch_fail_later (fetch, wrong);
    return &fetch->base;
  }
  paths = g_new (Paths, 1);
  paths->certificate_path = g_strdup (self->options.certificate_path);
  paths->key_path = g_strdup (self->options.key_path);
  kvs_remote_fetch_work (fetch, load_certificate, paths, free_paths, on_certificate,
                         free_certificate);
  return &fetch->base;
}

/* ---- the provider ---- */

static void
free_provider (KvsCredentialsProvider *provider)
{
  KvsIotProvider *self = (KvsIotProvider *) provider;

  kvs_remote_provider_clear (&self->remote);
  g_free (self->options.endpoint);
  g_free (self->options.certificate_path);
  g_free (self->options.key_path);
  g_free (self->options.ca_path);
  g_free (self->options.role_alias);
  g_free (self->options.thing_name);
  g_free (self->options.sni_host);
  g_free (self);
}

static gchar *
duplicate (const gchar *text)
{
  return text != NULL && *text != '\0' ? g_strdup (text) : NULL;
}

/* People paste the URL where the host is asked for. */
static gchar *
host_of (const gchar *endpoint)
{
  gchar *host;

  if (endpoint == NULL)
    return NULL;
  host = g_strdup (g_str_has_prefix (endpoint, "https://") ? endpoint + 8 : endpoint);
  if (g_str_has_suffix (host, "/"))
    host[strlen (host) - 1] = '\0';
  return host;
}

/**
 * kvs_iot_provider_new:
 * @loop: where it runs
 * @http: CA bundle and user agent; copied
 * @options: copied
 *
 * The files are read at each fetch. What is missing in @options is told by the fetch.
 *
 * Returns: (transfer full): a new provider
 */
KvsCredentialsProvider *
kvs_iot_provider_new (KvsLoop *loop, const KvsHttpOptions *http, const KvsIotOptions *options)
{
  KvsIotProvider *provider = g_new0 (KvsIotProvider, 1);

  kvs_remote_provider_init (&provider->remote, "IoT credentials", loop, http);
  provider->remote.base.fetch = fetch_credentials;
  provider->remote.base.free = free_provider;
  provider->options = (KvsIotOptions) {
    .endpoint = host_of (options->endpoint),
    .certificate_path = duplicate (options->certificate_path),
    .key_path = duplicate (options->key_path),
    .ca_path = duplicate (options->ca_path),
    .role_alias = duplicate (options->role_alias),
    .thing_name = duplicate (options->thing_name),
    .sni_host = duplicate (options->sni_host),
    .connect_timeout_ms
    = options->connect_timeout_ms != 0 ? options->connect_timeout_ms : CONNECT_TIMEOUT_MS,
    .total_timeout_ms
    = options->total_timeout_ms != 0 ? options->total_timeout_ms : TOTAL_TIMEOUT_MS,
  };
  return &provider->remote.base;
}
