/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "aws/sigv4.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <string.h>

#define ALGORITHM "AWS4-HMAC-SHA256"
#define SCOPE_END "aws4_request"
#define SHA256_BYTES KVS_SIGV4_KEY_BYTES
#define DATE_CHARS 8
#define UNRESERVED_MARKS "-._~"

static gchar *
hex (const guint8 *bytes, gsize size)
{
  static const gchar digits[] = "0123456789abcdef";
  gchar *text = g_malloc (2 * size + 1);

  for (gsize i = 0; i < size; i++) {
    text[2 * i] = digits[bytes[i] >> 4];
    text[2 * i + 1] = digits[bytes[i] & 0xf];
  }
  text[2 * size] = '\0';
  return text;
}

/* A libcrypto that lacks SHA-256 cannot speak TLS either, and out of memory ends a GLib program
 * anyway: callers need not look after either. */
static void
hmac_sha256 (const guint8 *key, gsize key_size, const gchar *text, guint8 mac[SHA256_BYTES])
{
  gsize mac_size = 0;

  if (EVP_Q_mac (NULL, "HMAC", NULL, "SHA256", NULL, key, key_size, (const guint8 *) text,
                 strlen (text), mac, SHA256_BYTES, &mac_size) == NULL
      || mac_size != SHA256_BYTES)
    g_error ("libcrypto has no working HMAC-SHA256");
}

/**
 * kvs_sigv4_format_date:
 * @unix_seconds: seconds since 1970
 *
 * Returns: (transfer full): the time as "yyyymmddThhmmssZ", the form of x-amz-date
 */
gchar *
kvs_sigv4_format_date (gint64 unix_seconds)
{
  g_autoptr (GDateTime) time = g_date_time_new_from_unix_utc (unix_seconds);

  /* only years past 9999 have no GDateTime */
  g_return_val_if_fail (time != NULL, NULL);
  return g_date_time_format (time, "%Y%m%dT%H%M%SZ");
}

/**
 * kvs_sigv4_payload_hash:
 * @data: (nullable): the body
 * @size: its size
 *
 * Returns: (transfer full): SHA-256 of the body in lower-case hexadecimal
 */
gchar *
kvs_sigv4_payload_hash (const guint8 *data, gsize size)
{
  guint8 digest[SHA256_BYTES];
  gsize digest_size = 0;

  if (!EVP_Q_digest (NULL, "SHA256", NULL, size > 0 ? data : (const guint8 *) "", size, digest,
                     &digest_size)
      || digest_size != SHA256_BYTES)
    g_error ("libcrypto has no working SHA-256");
  return hex (digest, SHA256_BYTES);
}

/* URI encoding of SigV4: everything but the unreserved characters of RFC 3986, upper-case digits */
static void
append_uri_encoded (GString *out, const gchar *text, gsize size)
{
  for (gsize i = 0; i < size; i++) {
    gchar c = text[i];

    if (g_ascii_isalnum (c) || (c != '\0' && strchr (UNRESERVED_MARKS, c) != NULL))
      g_string_append_c (out, c);
    else
      g_string_append_printf (out, "%%%02X", (guint) (guchar) c);
  }
}

/* Dot segments and repeated slashes go away, the path as it is on the wire is encoded once more:
 * the rule of every service but S3. */
static void
append_canonical_path (GString *out, const gchar *path)
{
  g_auto (GStrv) segments = g_strsplit (path, "/", -1);
  g_autoptr (GPtrArray) kept = g_ptr_array_new ();
  gboolean ends_in_slash = g_str_has_suffix (path, "/");

  for (guint i = 0; segments[i] != NULL; i++) {
    if (segments[i][0] == '\0' || g_str_equal (segments[i], "."))
      continue;
    if (!g_str_equal (segments[i], ".."))
      g_ptr_array_add (kept, segments[i]);
    else if (kept->len > 0)
      g_ptr_array_set_size (kept, (gint) kept->len - 1);
  }

  if (kept->len == 0)
    g_string_append_c (out, '/');
  for (guint i = 0; i < kept->len; i++) {
    const gchar *segment = g_ptr_array_index (kept, i);

    g_string_append_c (out, '/');
    append_uri_encoded (out, segment, strlen (segment));
  }
  if (kept->len > 0 && ends_in_slash)
    g_string_append_c (out, '/');
}

typedef struct {
  gchar *key;
  gchar *value;
} QueryParameter;

static void
query_parameter_free (gpointer data)
{
  QueryParameter *parameter = data;

  g_free (parameter->key);
  g_free (parameter->value);
  g_free (parameter);
}

static gint
query_parameter_compare (gconstpointer a, gconstpointer b)
{
  const QueryParameter *left = *(QueryParameter *const *) a;
  const QueryParameter *right = *(QueryParameter *const *) b;
  gint order = strcmp (left->key, right->key);

  return order != 0 ? order : strcmp (left->value, right->value);
}

/* What is encoded well already stays as it is, everything else gets the one canonical form. A plus
 * sign stands for itself; a percent sign that starts no escape does too. */
static gchar *
canonical_query_text (const gchar *text, gsize size)
{
  GString *out = g_string_sized_new (size + 16);

  for (gsize i = 0; i < size; i++) {
    gchar c = text[i];

    if (c == '%' && i + 2 < size && g_ascii_isxdigit (text[i + 1])
        && g_ascii_isxdigit (text[i + 2])) {
      c = (gchar) (g_ascii_xdigit_value (text[i + 1]) << 4 | g_ascii_xdigit_value (text[i + 2]));
      i += 2;
    }
    append_uri_encoded (out, &c, 1);
  }
  return g_string_free (out, FALSE);
}

static void
append_canonical_query (GString *out, const gchar *query)
{
  g_auto (GStrv) pairs = g_strsplit (query, "&", -1);
  g_autoptr (GPtrArray) parameters = g_ptr_array_new_with_free_func (query_parameter_free);

  for (guint i = 0; pairs[i] != NULL; i++) {
    gsize key_size = strcspn (pairs[i], "=");
    const gchar *value = pairs[i] + key_size;
    QueryParameter *parameter;

    if (pairs[i][0] == '\0')
      continue;
    if (*value == '=')
      value++;
    parameter = g_new (QueryParameter, 1);
    parameter->key = canonical_query_text (pairs[i], key_size);
    parameter->value = canonical_query_text (value, strlen (value));
    g_ptr_array_add (parameters, parameter);
  }

  g_ptr_array_sort (parameters, query_parameter_compare);
  for (guint i = 0; i < parameters->len; i++) {
    const QueryParameter *parameter = g_ptr_array_index (parameters, i);

    g_string_append_printf (out, "%s%s=%s", i > 0 ? "&" : "", parameter->key, parameter->value);
  }
}

static gint
header_compare (gconstpointer a, gconstpointer b)
{
  const KvsSigv4Header *left = *(const KvsSigv4Header *const *) a;
  const KvsSigv4Header *right = *(const KvsSigv4Header *const *) b;

  return g_ascii_strcasecmp (left->name, right->name);
}

/* By name; a name that occurs twice keeps its values in their order (this sort is stable) */
static GPtrArray *
sorted_headers (const KvsSigv4Request *request)
{
  GPtrArray *headers = g_ptr_array_sized_new (request->n_headers);

  for (guint i = 0; i < request->n_headers; i++)
    g_ptr_array_add (headers, (gpointer) &request->headers[i]);
  g_ptr_array_sort (headers, header_compare);
  return headers;
}

static gboolean
repeats_previous (const GPtrArray *headers, guint index)
{
  return index > 0
         && header_compare (&g_ptr_array_index (headers, index - 1),
                            &g_ptr_array_index (headers, index)) == 0;
}

/* White space around the value goes away, a run of it inside becomes one space */
static void
append_trimmed (GString *out, const gchar *value)
{
  gboolean started = FALSE;
  gboolean space = FALSE;

  for (; *value != '\0'; value++) {
    if (g_ascii_isspace (*value)) {
      space = started;
      continue;
    }
    if (space)
      g_string_append_c (out, ' ');
    g_string_append_c (out, *value);
    started = TRUE;
    space = FALSE;
  }
}

static void
append_canonical_headers (GString *out, const GPtrArray *headers)
{
  for (guint i = 0; i < headers->len; i++) {
    const KvsSigv4Header *header = g_ptr_array_index (headers, i);

    if (repeats_previous (headers, i)) {
      /* one more value on the line of the same name */
      g_string_truncate (out, out->len - 1);
      g_string_append_c (out, ',');
    } else {
      g_autofree gchar *name = g_ascii_strdown (header->name, -1);

      g_string_append (out, name);
      g_string_append_c (out, ':');
    }
    append_trimmed (out, header->value);
    g_string_append_c (out, '\n');
  }
}

static void
append_signed_headers (GString *out, const GPtrArray *headers)
{
  for (guint i = 0; i < headers->len; i++) {
    const KvsSigv4Header *header = g_ptr_array_index (headers, i);
    g_autofree gchar *name = g_ascii_strdown (header->name, -1);

    if (repeats_previous (headers, i))
      continue;
    g_string_append_printf (out, "%s%s", i > 0 ? ";" : "", name);
  }
}

/**
 * kvs_sigv4_canonical_request:
 * @request: what is signed
 *
 * Canonical form of a request, as kvs-api.md section 17 and AWS's description of Signature Version
 * 4 have it: six parts, one below the other.
 *
 * Returns: (transfer full): the canonical request
 */
gchar *
kvs_sigv4_canonical_request (const KvsSigv4Request *request)
{
  g_autoptr (GPtrArray) headers = sorted_headers (request);
  GString *out = g_string_sized_new (512);

  g_string_append (out, request->method);
  g_string_append_c (out, '\n');
  append_canonical_path (out, request->path);
  g_string_append_c (out, '\n');
  if (request->query != NULL)
    append_canonical_query (out, request->query);
  g_string_append_c (out, '\n');
  append_canonical_headers (out, headers);
  g_string_append_c (out, '\n');
  append_signed_headers (out, headers);
  g_string_append_c (out, '\n');
  g_string_append (out, request->payload_sha256_hex);
  return g_string_free (out, FALSE);
}

static void
append_scope (GString *out, const KvsSigv4Scope *scope)
{
  g_string_append_printf (out, "%.*s/%s/%s/" SCOPE_END, DATE_CHARS, scope->amz_date, scope->region,
                          scope->service);
}

/**
 * kvs_sigv4_string_to_sign:
 * @canonical_request: as kvs_sigv4_canonical_request() gave it
 * @scope: date, region and service
 *
 * Returns: (transfer full): the string to sign (kvs-api.md section 17)
 */
gchar *
kvs_sigv4_string_to_sign (const gchar *canonical_request, const KvsSigv4Scope *scope)
{
  g_autofree gchar *hash = kvs_sigv4_payload_hash ((const guint8 *) canonical_request,
                                                   strlen (canonical_request));
  GString *out = g_string_sized_new (192);

  g_string_append_printf (out, ALGORITHM "\n%s\n", scope->amz_date);
  append_scope (out, scope);
  g_string_append_printf (out, "\n%s", hash);
  return g_string_free (out, FALSE);
}

static void
derive_signing_key (const KvsSigv4Scope *scope, const gchar *secret_key, guint8 key[SHA256_BYTES])
{
  gsize start_size = strlen ("AWS4") + strlen (secret_key);
  gchar *start = g_strconcat ("AWS4", secret_key, NULL);
  g_autofree gchar *date = g_strndup (scope->amz_date, DATE_CHARS);
  const gchar *parts[] = { scope->region, scope->service, SCOPE_END };

  hmac_sha256 ((const guint8 *) start, start_size, date, key);
  OPENSSL_cleanse (start, start_size);
  g_free (start);

  for (guint i = 0; i < G_N_ELEMENTS (parts); i++) {
    guint8 next[SHA256_BYTES];

    hmac_sha256 (key, SHA256_BYTES, parts[i], next);
    memcpy (key, next, SHA256_BYTES);
    OPENSSL_cleanse (next, sizeof next);
  }
}

/**
 * kvs_sigv4_signature:
 * @string_to_sign: as kvs_sigv4_string_to_sign() gave it
 * @scope: date, region and service
 * @secret_key: the secret access key
 *
 * Signs with the key that the HMAC chain of kvs-api.md section 17 derives. Nothing derived from
 * the secret but the signature stays in memory.
 *
 * Returns: (transfer full): the signature in lower-case hexadecimal
 */
gchar *
kvs_sigv4_signature (const gchar *string_to_sign, const KvsSigv4Scope *scope,
                     const gchar *secret_key)
{
  guint8 key[SHA256_BYTES];
  guint8 mac[SHA256_BYTES];

  derive_signing_key (scope, secret_key, key);
  hmac_sha256 (key, sizeof key, string_to_sign, mac);
  OPENSSL_cleanse (key, sizeof key);
  return hex (mac, sizeof mac);
}

/**
 * kvs_sigv4_signing_key_clear:
 * @signing_key: a key, all zeros afterwards
 *
 * To be called when the secret key becomes another one.
 */
void
kvs_sigv4_signing_key_clear (KvsSigv4SigningKey *signing_key)
{
  g_clear_pointer (&signing_key->scope, g_free);
  OPENSSL_cleanse (signing_key->key, sizeof signing_key->key);
}

static void
prepare_signing_key (KvsSigv4SigningKey *signing_key, const KvsSigv4Scope *scope,
                     const gchar *secret_key)
{
  GString *text = g_string_new (NULL);

  append_scope (text, scope);
  if (g_strcmp0 (signing_key->scope, text->str) == 0) {
    g_string_free (text, TRUE);
    return;
  }
  g_free (signing_key->scope);
  signing_key->scope = g_string_free (text, FALSE);
  derive_signing_key (scope, secret_key, signing_key->key);
}

/**
 * kvs_sigv4_authorization_with_key:
 * @request: what is signed
 * @scope: date, region and service
 * @access_key: the access key id
 * @secret_key: the secret access key
 * @signing_key: (inout): what was derived for an earlier request with the same secret key, which is
 *   used for as long as the day is the same
 *
 * Returns: (transfer full): the value of the Authorization header
 */
gchar *
kvs_sigv4_authorization_with_key (const KvsSigv4Request *request, const KvsSigv4Scope *scope,
                                  const gchar *access_key, const gchar *secret_key,
                                  KvsSigv4SigningKey *signing_key)
{
  g_autofree gchar *canonical_request = kvs_sigv4_canonical_request (request);
  g_autofree gchar *string_to_sign = kvs_sigv4_string_to_sign (canonical_request, scope);
  g_autofree gchar *signature = NULL;
  g_autoptr (GPtrArray) headers = sorted_headers (request);
  GString *out = g_string_sized_new (384);
  guint8 mac[SHA256_BYTES];

  prepare_signing_key (signing_key, scope, secret_key);
  hmac_sha256 (signing_key->key, sizeof signing_key->key, string_to_sign, mac);
  signature = hex (mac, sizeof mac);
  g_string_append_printf (out, ALGORITHM " Credential=%s/", access_key);
  append_scope (out, scope);
  g_string_append (out, ", SignedHeaders=");
  append_signed_headers (out, headers);
  g_string_append_printf (out, ", Signature=%s", signature);
  return g_string_free (out, FALSE);
}

/**
 * kvs_sigv4_authorization:
 * @request: what is signed
 * @scope: date, region and service
 * @access_key: the access key id
 * @secret_key: the secret access key
 *
 * Returns: (transfer full): the value of the Authorization header
 */
gchar *
kvs_sigv4_authorization (const KvsSigv4Request *request, const KvsSigv4Scope *scope,
                         const gchar *access_key, const gchar *secret_key)
{
  KvsSigv4SigningKey signing_key = { 0 };
  gchar *authorization = kvs_sigv4_authorization_with_key (request, scope, access_key, secret_key,
                                                           &signing_key);

  kvs_sigv4_signing_key_clear (&signing_key);
  return authorization;
}
