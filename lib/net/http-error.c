/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Why a transfer failed, in words that name what to correct. */
#include <string.h>

#include "error.h"
#include "net/http.h"
#include "net/proxy.h"

#define OLD_TLS_HINT "; it has to speak TLS 1.2 or later"

typedef struct {
  CURL *easy;
  const KvsHttpOptions *options;
  CURLcode code;
  const gchar *reason; /* libcurl's words */
  const gchar *host;
  const gchar *url;
} Failure;

/* ---- proxies ---- */

static GError *
proxy_error_new (const Failure *failure, const gchar *proxy, const gchar *where)
{
  glong status = 0;

  curl_easy_getinfo (failure->easy, CURLINFO_HTTP_CONNECTCODE, &status);
  if (failure->code == CURLE_OK || status / 100 == 2)
    return NULL;
  if (status == 407)
    return g_error_new (KVS_ERROR, KVS_ERROR_CREDENTIALS,
                        "%s: the proxy %s does not take the user name and password that it was "
                        "given, or was given none (HTTP 407); correct %s", failure->host, proxy,
                        where);
  if (status != 0)
    return g_error_new (KVS_ERROR, KVS_ERROR_NETWORK,
                        "%s: the proxy %s refuses the connection to it (HTTP %ld); have the proxy "
                        "allow it, correct %s, or except the host in NO_PROXY", failure->host,
                        proxy, status, where);
  if (failure->code == CURLE_COULDNT_RESOLVE_PROXY)
    return g_error_new (KVS_ERROR, KVS_ERROR_NETWORK,
                        "%s: the proxy %s cannot be resolved; correct %s", failure->host, proxy,
                        where);
  if (strstr (failure->reason, proxy) == NULL && failure->code != CURLE_PROXY)
    return NULL;
  return g_error_new (KVS_ERROR, KVS_ERROR_NETWORK, "%s: the proxy of %s: %s", failure->host,
                      where, failure->reason);
}

/* ---- TLS ---- */

static const gchar *
name_store (const KvsHttpOptions *options)
{
  return options->ca_path != NULL ? options->ca_path : "the system's trusted certificates";
}

/* What OpenSSL and libcurl say about the certificate of a server. */
static const struct {
  const gchar *words;
  const gchar *meaning;
} certificate_faults[] = {
  { "has expired",
    "has expired; it has to be renewed there, unless the clock of this machine is wrong" },
  { "not yet valid", "is not valid yet; look at the clock of this machine" },
  { "subject name", "is for other hosts; correct the address" },
  { "does not match", "is for other hosts; correct the address" },
  { "self-signed certificate", NULL },
  { "self signed certificate", NULL },
  { "unable to get", NULL },
};

static GError *
certificate_error_new (const Failure *failure)
{
  for (guint i = 0; i < G_N_ELEMENTS (certificate_faults); i++) {
    if (strstr (failure->reason, certificate_faults[i].words) == NULL)
      continue;
    if (certificate_faults[i].meaning != NULL)
      return g_error_new (KVS_ERROR, KVS_ERROR_TLS, "The certificate of %s %s (%s)", failure->host,
                          certificate_faults[i].meaning, failure->reason);
    return g_error_new (KVS_ERROR, KVS_ERROR_TLS,
                        "The certificate of %s comes from nobody in %s; if it is the right one, "
                        "name a file with its CA in ca-path or AWS_CA_BUNDLE (%s)", failure->host,
                        name_store (failure->options), failure->reason);
  }
  return g_error_new (KVS_ERROR, KVS_ERROR_TLS, "The certificate of %s cannot be verified: %s",
                      failure->host, failure->reason);
}

static GError *
client_certificate_error_new (const Failure *failure)
{
  const KvsHttpOptions *options = failure->options;
  gboolean is_pkcs11 = kvs_http_is_pkcs11 (options->client_certificate)
                       || kvs_http_is_pkcs11 (options->client_key);

  if (options->client_certificate == NULL)
    return g_error_new (KVS_ERROR, KVS_ERROR_TLS, "%s: %s", failure->host, failure->reason);
  if (is_pkcs11)
    return g_error_new (KVS_ERROR, KVS_ERROR_BAD_ARGUMENT,
                        "The client certificate %s cannot be used: %s; pkcs11: addresses need "
                        "OpenSSL's engine for PKCS#11 and the token's module, installed and set up "
                        "on this machine", options->client_certificate, failure->reason);
  return g_error_new (KVS_ERROR, KVS_ERROR_TLS, "The client certificate %s cannot be used: %s",
                      options->client_certificate, failure->reason);
}

/* What servers say about the client's side: with TLS 1.3 only after the handshake. */
static const struct {
  const gchar *words;
  const gchar *hint_without_certificate;
  const gchar *hint_with_certificate;
} alerts[] = {
  { "protocol version", OLD_TLS_HINT, OLD_TLS_HINT },
  { "unsupported protocol", OLD_TLS_HINT, OLD_TLS_HINT },
  { "certificate", "; it wants a client certificate: set tls-client-cert",
    "; it does not take the client certificate of tls-client-cert" },
  { "unknown ca", "", "; it does not take the client certificate of tls-client-cert" },
  { "handshake failure", "; if it wants a client certificate, set tls-client-cert", "" },
};

static GError *
handshake_error_new (const Failure *failure)
{
  gboolean has_certificate = failure->options->client_certificate != NULL;
  const gchar *hint = "";

  for (guint i = 0; i < G_N_ELEMENTS (alerts) && *hint == '\0'; i++)
    if (strstr (failure->reason, alerts[i].words) != NULL)
      hint = has_certificate ? alerts[i].hint_with_certificate
                             : alerts[i].hint_without_certificate;
  return g_error_new (KVS_ERROR, KVS_ERROR_TLS, "%s: %s%s", failure->host, failure->reason, hint);
}

static GError *
error_of (const Failure *failure)
{
  switch (failure->code) {
    case CURLE_COULDNT_RESOLVE_HOST:
      return g_error_new (KVS_ERROR, KVS_ERROR_UNKNOWN_HOST, "Host %s cannot be resolved%s",
                          failure->host,
                          failure->options->ip_version == KVS_IP_VERSION_ANY
                              ? ""
                              : " to an address of the kind that ip-version asks for");
    case CURLE_SSL_CACERT_BADFILE:
      return g_error_new (KVS_ERROR, KVS_ERROR_BAD_ARGUMENT,
                          "%s has no certificates in PEM that can be read; correct ca-path, "
                          "AWS_CA_BUNDLE or KVSSINK_CA_CERT_PATH (%s)",
                          name_store (failure->options), failure->reason);
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
      return g_error_new (KVS_ERROR, KVS_ERROR_BAD_ARGUMENT, "%s: %s", failure->host,
                          failure->reason);
    case CURLE_PEER_FAILED_VERIFICATION:
      return certificate_error_new (failure);
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_ENGINE_NOTFOUND:
    case CURLE_SSL_ENGINE_SETFAILED:
    case CURLE_SSL_ENGINE_INITFAILED:
      return client_certificate_error_new (failure);
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_ISSUER_ERROR:
      return handshake_error_new (failure);
    default:
      if (strstr (failure->reason, "alert") != NULL)
        return handshake_error_new (failure);
      return g_error_new (KVS_ERROR, KVS_ERROR_NETWORK, "%s: %s", failure->host, failure->reason);
  }
}

/**
 * kvs_http_error_new:
 * @easy: the transfer's handle
 * @options: what it was configured with
 * @code: why it failed
 * @detail: (nullable): libcurl's own words, or empty
 * @url: where it went
 *
 * Returns: (transfer full): an error of domain %KVS_ERROR that names the host
 */
GError *
kvs_http_error_new (CURL *easy, const KvsHttpOptions *options, CURLcode code, const gchar *detail,
                    const gchar *url)
{
  g_autoptr (GUri) uri = g_uri_parse (url, G_URI_FLAGS_NONE, NULL);
  const gchar *where;
  g_autofree gchar *proxy = kvs_proxy_describe (options->proxy, url, &where);
  const Failure failure = {
    .easy = easy,
    .options = options,
    .code = code,
    .reason = detail != NULL && *detail != '\0' ? detail : curl_easy_strerror (code),
    .host = uri != NULL ? g_uri_get_host (uri) : url,
    .url = url,
  };
  GError *error = proxy != NULL ? proxy_error_new (&failure, proxy, where) : NULL;

  return error != NULL ? error : error_of (&failure);
}
