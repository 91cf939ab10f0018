/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "http/auth.h"

#include <string.h>

#include "api/service-error.h"
#include "aws/sigv4.h"
#include "http/credentials.h"

#define ALGORITHM "AWS4-HMAC-SHA256"
#define SERVICE "kinesisvideo"
#define SCOPE_END "aws4_request"
#define DATE_CHARS 8
#define SIGNATURE_CHARS 64
#define MAX_SKEW_SECONDS (5 * 60)

#define MISMATCH                                                                               \
  "The request signature we calculated does not match the signature you provided. Check your " \
  "AWS Secret Access Key and signing method. Consult the service documentation for details."

/* What the Authorization header says; @scope are access key, date, region, service, end */
typedef struct {
  gchar *credential;
  gchar **scope;
  gchar *signed_headers;
  gchar *signature;
  const gchar *amz_date;
} Authorization;

static void
authorization_clear (Authorization *authorization)
{
  g_free (authorization->credential);
  g_strfreev (authorization->scope);
  g_free (authorization->signed_headers);
  g_free (authorization->signature);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Authorization, authorization_clear)

static gboolean
refuse (GError **error, KvsLocalError code, const gchar *message)
{
  g_set_error_literal (error, KVS_LOCAL_ERROR, (gint) code, message);
  return FALSE;
}

static void
take_parameter (Authorization *out, const gchar *parameter)
{
  static const gchar credential[] = "Credential=";
  static const gchar signed_headers[] = "SignedHeaders=";
  static const gchar signature[] = "Signature=";
  gchar **to = NULL;
  gsize prefix = 0;

  if (g_str_has_prefix (parameter, credential)) {
    to = &out->credential;
    prefix = strlen (credential);
  } else if (g_str_has_prefix (parameter, signed_headers)) {
    to = &out->signed_headers;
    prefix = strlen (signed_headers);
  } else if (g_str_has_prefix (parameter, signature)) {
    to = &out->signature;
    prefix = strlen (signature);
  }
  if (to != NULL && *to == NULL)
    *to = g_strdup (parameter + prefix);
}

static gboolean
parse (SoupMessageHeaders *headers, Authorization *out, GError **error)
{
  const gchar *header = soup_message_headers_get_list (headers, "Authorization");
  g_auto (GStrv) parameters = NULL;

  if (header == NULL)
    return refuse (error, KVS_LOCAL_ERROR_MISSING_AUTHENTICATION_TOKEN,
                   "Missing Authentication Token");
  if (!g_str_has_prefix (header, ALGORITHM " "))
    return refuse (error, KVS_LOCAL_ERROR_INCOMPLETE_SIGNATURE,
                   "Authorization header requires the algorithm " ALGORITHM ".");
  parameters = g_strsplit (header + strlen (ALGORITHM " "), ",", -1);
  for (guint i = 0; parameters[i] != NULL; i++)
    take_parameter (out, g_strstrip (parameters[i]));

  if (out->credential == NULL)
    return refuse (error, KVS_LOCAL_ERROR_INCOMPLETE_SIGNATURE,
                   "Authorization header requires 'Credential' parameter.");
  if (out->signed_headers == NULL)
    return refuse (error, KVS_LOCAL_ERROR_INCOMPLETE_SIGNATURE,
                   "Authorization header requires 'SignedHeaders' parameter.");
  if (out->signature == NULL)
    return refuse (error, KVS_LOCAL_ERROR_INCOMPLETE_SIGNATURE,
                   "Authorization header requires 'Signature' parameter.");
  out->amz_date = soup_message_headers_get_list (headers, "x-amz-date");
  if (out->amz_date == NULL)
    return refuse (error, KVS_LOCAL_ERROR_INCOMPLETE_SIGNATURE,
                   "Authorization header requires existence of 'X-Amz-Date' header.");
  out->scope = g_strsplit (out->credential, "/", -1);
  if (g_strv_length (out->scope) != 5)
    return refuse (error, KVS_LOCAL_ERROR_INCOMPLETE_SIGNATURE,
                   "Credential must have exactly 5 slash-delimited elements, e.g. "
                   "keyid/date/region/service/term.");
  return TRUE;
}

static gboolean
check_scope (const Authorization *authorization, const gchar *region, GError **error)
{
  gchar **scope = authorization->scope;

  if (strncmp (scope[1], authorization->amz_date, DATE_CHARS) != 0
      || strlen (scope[1]) != DATE_CHARS)
    return refuse (error, KVS_LOCAL_ERROR_INVALID_SIGNATURE,
                   "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of "
                   "date from HTTP.");
  if (!g_str_equal (scope[2], region))
    return refuse (error, KVS_LOCAL_ERROR_INVALID_SIGNATURE,
                   "Credential should be scoped to a valid region.");
  if (!g_str_equal (scope[3], SERVICE))
    return refuse (error, KVS_LOCAL_ERROR_INVALID_SIGNATURE,
                   "Credential should be scoped to correct service: 'kinesisvideo'.");
  if (!g_str_equal (scope[4], SCOPE_END))
    return refuse (error, KVS_LOCAL_ERROR_INVALID_SIGNATURE,
                   "Credential should be scoped with a valid terminator: 'aws4_request'.");
  return TRUE;
}

static gboolean
parse_date (const gchar *amz_date, gint64 *unix_seconds)
{
  g_autoptr (GDateTime) time = NULL;

  /* yyyymmddThhmmssZ: GLib takes more forms than AWS does */
  if (strlen (amz_date) != 16 || amz_date[8] != 'T' || amz_date[15] != 'Z')
    return FALSE;
  time = g_date_time_new_from_iso8601 (amz_date, NULL);
  if (time == NULL)
    return FALSE;
  *unix_seconds = g_date_time_to_unix (time);
  return TRUE;
}

static gboolean
check_date (const gchar *amz_date, GError **error)
{
  gint64 now = g_get_real_time () / G_USEC_PER_SEC;
  g_autofree gchar *now_text = kvs_sigv4_format_date (now);
  gint64 then;

  if (!parse_date (amz_date, &then))
    return refuse (error, KVS_LOCAL_ERROR_INCOMPLETE_SIGNATURE,
                   "Date must be in ISO-8601 'basic format'.");
  if (then < now - MAX_SKEW_SECONDS) {
    g_autofree gchar *limit = kvs_sigv4_format_date (now - MAX_SKEW_SECONDS);

    g_set_error (error, KVS_LOCAL_ERROR, KVS_LOCAL_ERROR_INVALID_SIGNATURE,
                 "Signature expired: %s is now earlier than %s (%s - 5 min.)", amz_date, limit,
                 now_text);
    return FALSE;
  }
  if (then > now + MAX_SKEW_SECONDS) {
    g_autofree gchar *limit = kvs_sigv4_format_date (now + MAX_SKEW_SECONDS);

    g_set_error (error, KVS_LOCAL_ERROR, KVS_LOCAL_ERROR_INVALID_SIGNATURE,
                 "Signature not yet current: %s is still later than %s (%s + 5 min.)", amz_date,
                 limit, now_text);
    return FALSE;
  }
  return TRUE;
}

/* Some producers send the token without signing it: only its value counts (section 17). */
static gboolean
check_token (const KvsLocalCredentials *known, SoupMessageHeaders *headers, GError **error)
{
  const gchar *token = soup_message_headers_get_list (headers, "x-amz-security-token");

  if (g_strcmp0 (token, known->session_token) != 0)
    return refuse (error, KVS_LOCAL_ERROR_UNRECOGNIZED_CLIENT,
                   "The security token included in the request is invalid.");
  if (known->expiration > 0 && g_get_real_time () / G_USEC_PER_SEC >= known->expiration)
    return refuse (error, KVS_LOCAL_ERROR_EXPIRED_TOKEN,
                   "The security token included in the request is expired");
  return TRUE;
}

static gboolean
is_sha256 (const gchar *text)
{
  gsize i;

  for (i = 0; text[i] != '\0'; i++) {
    if (!g_ascii_isxdigit (text[i]))
      return FALSE;
  }
  return i == SIGNATURE_CHARS;
}

/* Section 17: the header's value, or else the hash of the body, which is taken for empty where it
 * is a stream. A hash in the header is held against the body where there is one. */
static gchar *
find_payload_hash (const KvsLocalAuthRequest *request, GError **error)
{
  const gchar *header = soup_message_headers_get_list (request->headers, "x-amz-content-sha256");
  g_autofree gchar *hash = NULL;
  gsize size = 0;
  const guint8 *data = request->body != NULL ? g_bytes_get_data (request->body, &size) : NULL;

  hash = kvs_sigv4_payload_hash (data, size);
  if (header == NULL)
    return g_steal_pointer (&hash);
  if (request->body != NULL && is_sha256 (header) && g_ascii_strcasecmp (header, hash) != 0) {
    refuse (error, KVS_LOCAL_ERROR_INVALID_SIGNATURE,
            "The provided 'x-amz-content-sha256' header does not match what was computed.");
    return NULL;
  }
  return g_strdup (header);
}

static gboolean
collect_headers (const KvsLocalAuthRequest *request, gchar **names, GArray *out, GError **error)
{
  gboolean has_host = FALSE, has_date = FALSE;

  for (guint i = 0; names[i] != NULL; i++) {
    KvsSigv4Header header
      = { names[i], soup_message_headers_get_list (request->headers, names[i]) };

    if (header.value == NULL)
      return refuse (error, KVS_LOCAL_ERROR_INVALID_SIGNATURE, MISMATCH);
    has_host |= g_str_equal (names[i], "host");
    has_date |= g_str_equal (names[i], "x-amz-date");
    g_array_append_val (out, header);
  }
  if (!has_host)
    return refuse (error, KVS_LOCAL_ERROR_INVALID_SIGNATURE,
                   "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.");
  if (!has_date)
    return refuse (error, KVS_LOCAL_ERROR_INVALID_SIGNATURE,
                   "'X-Amz-Date' must be a 'SignedHeader' in the AWS Authorization.");
  return TRUE;
}

static gboolean
equal_in_constant_time (const gchar *a, const gchar *b)
{
  gsize size = strlen (a);
  guint8 difference = 0;

  if (strlen (b) != size)
    return FALSE;
  for (gsize i = 0; i < size; i++)
    difference |= (guint8) (a[i] ^ b[i]);
  return difference == 0;
}

static gboolean
check_signature (const KvsLocalAuthRequest *request, const Authorization *authorization,
                 const gchar *secret_key, GError **error)
{
  g_auto (GStrv) names = g_strsplit (authorization->signed_headers, ";", -1);
  g_autoptr (GArray) headers = g_array_new (FALSE, FALSE, sizeof (KvsSigv4Header));
  KvsSigv4Scope scope
    = { authorization->amz_date, authorization->scope[2], authorization->scope[3] };
  KvsSigv4Request to_sign = { request->method, request->path, request->query };
  g_autofree gchar *hash = NULL, *canonical = NULL, *string_to_sign = NULL, *signature = NULL;

  if (!collect_headers (request, names, headers, error))
    return FALSE;
  hash = find_payload_hash (request, error);
  if (hash == NULL)
    return FALSE;
  to_sign.headers = (const KvsSigv4Header *) headers->data;
  to_sign.n_headers = headers->len;
  to_sign.payload_sha256_hex = hash;
  canonical = kvs_sigv4_canonical_request (&to_sign);
  string_to_sign = kvs_sigv4_string_to_sign (canonical, &scope);
  signature = kvs_sigv4_signature (string_to_sign, &scope, secret_key);
  return equal_in_constant_time (signature, authorization->signature)
         || refuse (error, KVS_LOCAL_ERROR_INVALID_SIGNATURE, MISMATCH);
}

/**
 * kvs_local_auth_check:
 * @credentials: (nullable) (element-type utf8 KvsLocalCredentials): by access key; %NULL accepts
 *   anybody
 * @region: that this service is in
 * @request: a request
 * @access_key: (out) (optional) (transfer none) (nullable): of @credentials, who has signed it
 * @error: where to put an error
 *
 * Returns: %FALSE with a %KVS_LOCAL_ERROR if the request is to be refused
 */
gboolean
kvs_local_auth_check (GHashTable *credentials, const gchar *region,
                      const KvsLocalAuthRequest *request, const gchar **access_key,
                      GError **error)
{
  g_auto (Authorization) authorization = { 0 };
  const KvsLocalCredentials *known;

  if (access_key != NULL)
    *access_key = NULL;
  if (credentials == NULL)
    return TRUE;
  if (!parse (request->headers, &authorization, error)
      || !check_scope (&authorization, region, error))
    return FALSE;
  known = g_hash_table_lookup (credentials, authorization.scope[0]);
  if (known == NULL)
    return refuse (error, KVS_LOCAL_ERROR_UNRECOGNIZED_CLIENT,
                   "The security token included in the request is invalid.");
  if (access_key != NULL)
    *access_key = known->access_key;
  return check_token (known, request->headers, error)
         && check_date (authorization.amz_date, error)
         && check_signature (request, &authorization, known->secret_key, error);
}
