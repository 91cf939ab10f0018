/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "aws/credentials/sts.h"

#include <string.h>

#include "aws/credentials/secret.h"
#include "aws/sigv4.h"

#define API_VERSION "2011-06-15"
#define MIN_ARN_BYTES 20
#define MAX_ARN_BYTES 2048
#define MIN_SESSION_NAME_BYTES 2
#define MAX_SESSION_NAME_BYTES 64
#define MAX_EXTERNAL_ID_BYTES 1224
#define MIN_DURATION_S 900
#define MAX_DURATION_S 43200

/**
 * kvs_sts_role_copy:
 * @copy: where to; overwritten
 * @role: what is copied
 *
 * A role without a session name gets one.
 */
void
kvs_sts_role_copy (KvsStsRole *copy, const KvsStsRole *role)
{
  copy->url = g_strdup (role->url);
  while (g_str_has_suffix (copy->url, "/"))
    copy->url[strlen (copy->url) - 1] = '\0';
  copy->role_arn = g_strdup (role->role_arn);
  copy->session_name = role->session_name != NULL && *role->session_name != '\0'
                         ? g_strdup (role->session_name)
                         : g_strdup_printf ("kvssink-%" G_GINT64_FORMAT,
                                            g_get_real_time () / G_USEC_PER_SEC);
  copy->external_id = role->external_id != NULL && *role->external_id != '\0'
                        ? g_strdup (role->external_id) : NULL;
  copy->duration_s = role->duration_s;
}

/**
 * kvs_sts_role_clear:
 * @role: as kvs_sts_role_copy() made it
 */
void
kvs_sts_role_clear (KvsStsRole *role)
{
  g_free (role->url);
  g_free (role->role_arn);
  g_free (role->session_name);
  g_free (role->external_id);
}

static gboolean
consists_of (const gchar *text, gsize min_bytes, gsize max_bytes, const gchar *marks)
{
  gsize size = strlen (text);

  if (size < min_bytes || size > max_bytes)
    return FALSE;
  for (gsize i = 0; i < size; i++)
    if (!g_ascii_isalnum (text[i]) && strchr (marks, text[i]) == NULL)
      return FALSE;
  return TRUE;
}

static gboolean
refuse (GError **error, const gchar *what)
{
  g_set_error_literal (error, KVS_ERROR, KVS_ERROR_CREDENTIALS, what);
  return FALSE;
}

/**
 * kvs_sts_role_check:
 * @role: a role, with a session name
 * @error: what is wrong, as %KVS_ERROR_CREDENTIALS
 *
 * Returns: whether the service could take it
 */
gboolean
kvs_sts_role_check (const KvsStsRole *role, GError **error)
{
  if (role->role_arn == NULL || !g_str_has_prefix (role->role_arn, "arn:")
      || !consists_of (role->role_arn, MIN_ARN_BYTES, MAX_ARN_BYTES, ":/+=,.@_-"))
    return refuse (error, "role_arn is not the ARN of a role, such as "
                          "arn:aws:iam::123456789012:role/camera");
  if (!consists_of (role->session_name, MIN_SESSION_NAME_BYTES, MAX_SESSION_NAME_BYTES, "+=,.@_-"))
    return refuse (error, "role_session_name must be 2 to 64 letters, digits or any of _+=,.@-");
  if (role->external_id != NULL
      && !consists_of (role->external_id, 2, MAX_EXTERNAL_ID_BYTES, "+=,.@:/_-"))
    return refuse (error, "external_id must be 2 to 1224 letters, digits or any of _+=,.@:/-");
  if (role->duration_s != 0
      && (role->duration_s < MIN_DURATION_S || role->duration_s > MAX_DURATION_S))
    return refuse (error, "duration_seconds must be 900 to 43200");
  return TRUE;
}

static void
append_parameter (GString *body, const gchar *name, const gchar *value)
{
  g_autofree gchar *escaped = g_uri_escape_string (value, NULL, FALSE);

  g_string_append_printf (body, "&%s=%s", name, escaped);
}

/**
 * kvs_sts_body_new:
 * @role: a good role
 * @web_identity_token: (nullable): the token; %NULL for AssumeRole
 *
 * Returns: (transfer full): the form to post; secret where it has the token
 */
gchar *
kvs_sts_body_new (const KvsStsRole *role, const gchar *web_identity_token)
{
  /* so large that it does not move, which would leave the token where it was */
  gsize capacity = 8192 + (web_identity_token != NULL ? 3 * strlen (web_identity_token) : 0);
  GString *body = g_string_sized_new (capacity);

  g_string_append_printf (body, "Action=%s&Version=" API_VERSION,
                          web_identity_token != NULL ? KVS_STS_ASSUME_ROLE_WITH_WEB_IDENTITY
                                                     : KVS_STS_ASSUME_ROLE);
  append_parameter (body, "RoleArn", role->role_arn);
  append_parameter (body, "RoleSessionName", role->session_name);
  if (role->duration_s != 0)
    g_string_append_printf (body, "&DurationSeconds=%u", role->duration_s);
  if (role->external_id != NULL && web_identity_token == NULL)
    append_parameter (body, "ExternalId", role->external_id);
  if (web_identity_token != NULL) {
    gchar *escaped = g_uri_escape_string (web_identity_token, NULL, FALSE);

    g_string_append (body, "&WebIdentityToken=");
    g_string_append (body, escaped);
    kvs_secret_free (escaped);
  }
  return g_string_free (body, FALSE);
}

/* As libcurl writes it: the port only where it is not the scheme's own. */
static gchar *
host_header (GUri *uri)
{
  const gchar *host = g_uri_get_host (uri);
  gint port = g_uri_get_port (uri);
  gint own_port = g_str_equal (g_uri_get_scheme (uri), "http") ? 80 : 443;
  g_autofree gchar *name = strchr (host, ':') != NULL ? g_strdup_printf ("[%s]", host)
                                                      : g_strdup (host);

  if (port < 0 || port == own_port)
    return g_steal_pointer (&name);
  return g_strdup_printf ("%s:%d", name, port);
}

static gchar *
header_line (const KvsSigv4Header *header)
{
  return g_strconcat (header->name, ": ", header->value, NULL);
}

/**
 * kvs_sts_sign:
 * @role: whose URL the request goes to
 * @region: region of the signature
 * @body: the form that is posted to the URL and a slash
 * @credentials: what to sign with
 * @amz_date: see kvs_sigv4_format_date()
 *
 * Returns: (transfer full) (nullable): header lines of the signed request, secret; %NULL where the
 *   URL has no host
 */
gchar **
kvs_sts_sign (const KvsStsRole *role, const gchar *region, const gchar *body,
              const KvsCredentials *credentials, const gchar *amz_date)
{
  g_autoptr (GUri) uri = g_uri_parse (role->url, G_URI_FLAGS_ENCODED, NULL);
  g_autofree gchar *hash = kvs_sigv4_payload_hash ((const guint8 *) body, strlen (body));
  g_autofree gchar *host = NULL;
  g_autofree gchar *path = NULL;
  g_autofree gchar *authorization = NULL;
  KvsSigv4Header headers[4] = { { "Content-Type", KVS_STS_CONTENT_TYPE },
                                { "X-Amz-Date", amz_date } };
  guint n = 2;
  KvsSigv4Request request = { .method = "POST", .headers = headers, .payload_sha256_hex = hash };
  const KvsSigv4Scope scope = { amz_date, region, "sts" };
  GPtrArray *lines;

  if (uri == NULL || g_uri_get_host (uri) == NULL)
    return NULL;
  host = host_header (uri);
  lines = g_ptr_array_new ();
  if (credentials->session_token != NULL)
    headers[n++] = (KvsSigv4Header) { "X-Amz-Security-Token", credentials->session_token };
  for (guint i = 0; i < n; i++)
    g_ptr_array_add (lines, header_line (&headers[i]));
  headers[n++] = (KvsSigv4Header) { "Host", host };
  request.path = path = g_strconcat (g_uri_get_path (uri), "/", NULL);
  request.n_headers = n;
  authorization = kvs_sigv4_authorization (&request, &scope, credentials->access_key,
                                           credentials->secret_key);
  g_ptr_array_add (lines, g_strconcat ("Authorization: ", authorization, NULL));
  g_ptr_array_add (lines, NULL);
  return (gchar **) g_ptr_array_free (lines, FALSE);
}
