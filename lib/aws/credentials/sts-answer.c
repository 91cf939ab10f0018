/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "aws/credentials/sts.h"

#include <string.h>

#include "aws/credentials/secret.h"

#define MAX_DEPTH 8
#define MAX_NAME_BYTES 64
#define MAX_FIELD_BYTES KVS_CREDENTIALS_MAX_TOKEN_BYTES

typedef struct {
  gchar *path;    /* names of elements, each with a slash before it */
  gchar *value;   /* (nullable): buffer of MAX_FIELD_BYTES + 2 */
  gsize size;
} Field;

typedef struct {
  Field *fields;
  guint n_fields;
  GString *path;
  guint depth;
} Reader;

/* ---- the text of a few elements ---- */

static Field *
current_field (Reader *reader)
{
  for (guint i = 0; i < reader->n_fields; i++)
    if (g_str_equal (reader->fields[i].path, reader->path->str))
      return &reader->fields[i];
  return NULL;
}

static void
on_start (GMarkupParseContext *context, const gchar *name, const gchar **attribute_names,
          const gchar **attribute_values, gpointer user_data, GError **error)
{
  Reader *reader = user_data;
  Field *field;

  if (++reader->depth > MAX_DEPTH || strlen (name) > MAX_NAME_BYTES) {
    g_set_error_literal (error, G_MARKUP_ERROR, G_MARKUP_ERROR_INVALID_CONTENT, "too deep");
    return;
  }
  g_string_append_printf (reader->path, "/%s", name);
  field = current_field (reader);
  if (field == NULL)
    return;
  if (field->value != NULL) {
    g_set_error_literal (error, G_MARKUP_ERROR, G_MARKUP_ERROR_INVALID_CONTENT, "twice");
    return;
  }
  /* never moved, so that it can be wiped; one more byte tells that it was too long */
  field->value = g_malloc0 (MAX_FIELD_BYTES + 2);
}

static void
on_end (GMarkupParseContext *context, const gchar *name, gpointer user_data, GError **error)
{
  Reader *reader = user_data;

  reader->depth--;
  g_string_truncate (reader->path, reader->path->len - strlen (name) - 1);
}

static void
on_text (GMarkupParseContext *context, const gchar *text, gsize size, gpointer user_data,
         GError **error)
{
  Field *field = current_field (user_data);

  if (field == NULL)
    return;
  size = MIN (size, MAX_FIELD_BYTES + 1 - field->size);
  memcpy (field->value + field->size, text, size);
  field->size += size;
}

static gboolean
read_fields (const gchar *text, gsize size, Field *fields, guint n_fields)
{
  static const GMarkupParser parser = { on_start, on_end, on_text, NULL, NULL };
  Reader reader = { fields, n_fields, g_string_new (NULL), 0 };
  GMarkupParseContext *context = g_markup_parse_context_new (&parser, 0, &reader, NULL);
  gboolean done = size > 0 && g_markup_parse_context_parse (context, text, (gssize) size, NULL)
                  && g_markup_parse_context_end_parse (context, NULL);

  g_markup_parse_context_free (context);
  g_string_free (reader.path, TRUE);
  return done;
}

static void
clear_fields (Field *fields, guint n_fields)
{
  for (guint i = 0; i < n_fields; i++) {
    g_free (fields[i].path);
    kvs_secret_free_sized (fields[i].value, MAX_FIELD_BYTES + 2);
  }
}

/* ---- credentials ---- */

enum { ACCESS_KEY, SECRET_KEY, SESSION_TOKEN, EXPIRATION, N_CREDENTIALS_FIELDS };

static KvsCredentials *
make_credentials (const Field *fields, const KvsAnswerClock *clock, GError **error)
{
  gint64 expiration_us;

  if (fields[SESSION_TOKEN].value == NULL || fields[EXPIRATION].value == NULL) {
    g_set_error (error, KVS_ERROR, KVS_ERROR_CREDENTIALS, "The answer has no %s",
                 fields[SESSION_TOKEN].value == NULL ? "SessionToken" : "Expiration");
    return NULL;
  }
  if (!kvs_answer_parse_time (fields[EXPIRATION].value, &expiration_us)) {
    g_set_error_literal (error, KVS_ERROR, KVS_ERROR_CREDENTIALS,
                         "The answer's Expiration is not a time in ISO 8601");
    return NULL;
  }
  return kvs_answer_make_credentials (fields[ACCESS_KEY].value, fields[SECRET_KEY].value,
                                      fields[SESSION_TOKEN].value, expiration_us, clock, error);
}

/**
 * kvs_sts_parse_answer:
 * @operation: %KVS_STS_ASSUME_ROLE or %KVS_STS_ASSUME_ROLE_WITH_WEB_IDENTITY
 * @text: (nullable): its answer, XML
 * @size: of @text, in bytes
 * @clock: time of who gave it
 * @error: what is wrong, as %KVS_ERROR_CREDENTIALS; it shows no value
 *
 * Any thread.
 *
 * Returns: (transfer full) (nullable): credentials that have not expired
 */
KvsCredentials *
kvs_sts_parse_answer (const gchar *operation, const gchar *text, gsize size,
                      const KvsAnswerClock *clock, GError **error)
{
  static const gchar *const names[N_CREDENTIALS_FIELDS]
      = { "AccessKeyId", "SecretAccessKey", "SessionToken", "Expiration" };
  Field fields[N_CREDENTIALS_FIELDS] = { 0 };
  KvsCredentials *credentials = NULL;

  for (guint i = 0; i < N_CREDENTIALS_FIELDS; i++)
    fields[i].path = g_strdup_printf ("/%sResponse/%sResult/Credentials/%s", operation, operation,
                                      names[i]);
  if (read_fields (text, size, fields, N_CREDENTIALS_FIELDS))
    credentials = make_credentials (fields, clock, error);
  else
    g_set_error (error, KVS_ERROR, KVS_ERROR_CREDENTIALS,
                 "The answer to %s is not XML of STS; does something else answer in its place, "
                 "such as a proxy?", operation);
  clear_fields (fields, N_CREDENTIALS_FIELDS);
  return credentials;
}

/* ---- refusals ---- */

/**
 * kvs_sts_parse_refusal:
 * @status: HTTP status of an answer other than 200
 * @text: (nullable): its body, of any content
 * @size: of @text, in bytes
 *
 * Any thread.
 *
 * Returns: (transfer full): what it says
 */
KvsServiceError *
kvs_sts_parse_refusal (guint status, const gchar *text, gsize size)
{
  enum { CODE, MESSAGE, REQUEST_ID, N_FIELDS };
  Field fields[N_FIELDS] = { 0 };
  KvsServiceError *refusal = g_new0 (KvsServiceError, 1);

  fields[CODE].path = g_strdup ("/ErrorResponse/Error/Code");
  fields[MESSAGE].path = g_strdup ("/ErrorResponse/Error/Message");
  fields[REQUEST_ID].path = g_strdup ("/ErrorResponse/RequestId");
  refusal->http_status = status;
  if (read_fields (text, size, fields, N_FIELDS)) {
    refusal->type = kvs_answer_clean_text (fields[CODE].value);
    refusal->message = kvs_answer_clean_text (fields[MESSAGE].value);
    refusal->request_id = kvs_answer_clean_text (fields[REQUEST_ID].value);
  }
  clear_fields (fields, N_FIELDS);
  return refusal;
}

/**
 * kvs_sts_is_passing:
 * @status: HTTP status of an answer other than 200
 * @text: (nullable): its body
 * @size: of @text, in bytes
 *
 * Returns: whether the same request may get another answer a moment later
 */
gboolean
kvs_sts_is_passing (guint status, const gchar *text, gsize size)
{
  g_autoptr (KvsServiceError) refusal = kvs_sts_parse_refusal (status, text, size);
  KvsError code = kvs_service_error_classify (refusal);

  return code == KVS_ERROR_SERVICE || code == KVS_ERROR_LIMIT
         || kvs_service_error_is (refusal, "IDPCommunicationError");
}
