/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "aws/credentials/answer.h"

#include <math.h>
#include <openssl/crypto.h>
#include <string.h>

#include "aws/json-text.h"

#define MAX_TIME_BYTES 64
#define MAX_WORDS_BYTES 300
/* Year 5138 in seconds, 1973 in milliseconds: larger numbers count milliseconds. */
#define MAX_SECONDS 1e11
#define MAX_MILLISECONDS 1e14

/**
 * kvs_answer_parse_time:
 * @text: a date and time in ISO 8601, basic or extended, with or without a fraction and an offset;
 *   without one it is UTC
 * @time_us: (out): the time, as g_get_real_time() counts
 *
 * Returns: whether it is one, after 1970
 */
gboolean
kvs_answer_parse_time (const gchar *text, gint64 *time_us)
{
  g_autoptr (GTimeZone) utc = g_time_zone_new_utc ();
  g_autoptr (GDateTime) time = NULL;

  if (strnlen (text, MAX_TIME_BYTES) == MAX_TIME_BYTES)
    return FALSE;
  time = g_date_time_new_from_iso8601 (text, utc);
  if (time == NULL || g_date_time_to_unix (time) <= 0)
    return FALSE;
  *time_us = g_date_time_to_unix (time) * G_USEC_PER_SEC + g_date_time_get_microsecond (time);
  return TRUE;
}

/**
 * kvs_answer_clean_text:
 * @text: (nullable): words from outside
 *
 * The first line alone: what STS writes below it repeats the headers of the request, and the
 * session token with them.
 *
 * Returns: (transfer full) (nullable): valid UTF-8 of bounded length; %NULL where nothing is left
 */
gchar *
kvs_answer_clean_text (const gchar *text)
{
  g_autofree gchar *valid = NULL;
  gsize size;

  while (text != NULL && g_ascii_isspace (*text))
    text++;
  size = text != NULL ? strcspn (text, "\r\n") : 0;
  if (size == 0)
    return NULL;
  valid = g_utf8_make_valid (text, (gssize) MIN (size, MAX_WORDS_BYTES));
  for (gchar *c = valid; *c != '\0'; c++)
    if (g_ascii_iscntrl (*c))
      *c = ' ';
  g_strchomp (valid);
  return *valid != '\0' ? g_steal_pointer (&valid) : NULL;
}

/**
 * kvs_answer_make_credentials:
 * @access_key: (nullable): access key id
 * @secret_key: (nullable): secret access key
 * @session_token: (nullable): session token
 * @expiration_us: when they end by the giver's clock, or 0
 * @clock: that clock
 * @error: what is wrong, as %KVS_ERROR_CREDENTIALS; it shows no value
 *
 * Returns: (transfer full) (nullable): credentials that end by this machine's clock
 */
KvsCredentials *
kvs_answer_make_credentials (const gchar *access_key, const gchar *secret_key,
                             const gchar *session_token, gint64 expiration_us,
                             const KvsAnswerClock *clock, GError **error)
{
  if (!kvs_credentials_check (access_key, secret_key, session_token, error))
    return NULL;
  if (expiration_us == 0)
    return kvs_credentials_new (access_key, secret_key, session_token, 0);
  if (expiration_us <= clock->now_us) {
    g_set_error (error, KVS_ERROR, KVS_ERROR_CREDENTIALS,
                 "The credentials expired %" G_GINT64_FORMAT " s ago; if this machine's clock is "
                 "wrong, set it", (clock->now_us - expiration_us) / G_USEC_PER_SEC);
    return NULL;
  }
  return kvs_credentials_new (access_key, secret_key, session_token,
                              MAX (expiration_us - clock->ahead_us, 1));
}

/* ---- JSON ---- */

static const gchar *
get_string (JsonObject *object, const gchar *name)
{
  JsonNode *node = json_object_get_member (object, name);

  if (node == NULL || !JSON_NODE_HOLDS_VALUE (node)
      || json_node_get_value_type (node) != G_TYPE_STRING)
    return NULL;
  return json_node_get_string (node);
}

static void
wipe_string (JsonObject *object, const gchar *name)
{
  gchar *text = (gchar *) get_string (object, name);

  if (text != NULL)
    OPENSSL_cleanse (text, strlen (text));
}

static gboolean
read_number (gdouble number, gint64 *time_us)
{
  gdouble per_second = number > MAX_SECONDS ? 1e3 : 1e6;

  /* also for what is no number at all */
  if (!(number > 0 && number < MAX_MILLISECONDS))
    return FALSE;
  *time_us = (gint64) (number * per_second);
  return *time_us > 0;
}

static gboolean
read_expiration (JsonObject *object, const gchar *name, gint64 *time_us)
{
  JsonNode *node = json_object_get_member (object, name);

  *time_us = 0;
  if (node == NULL || JSON_NODE_HOLDS_NULL (node))
    return TRUE;
  if (!JSON_NODE_HOLDS_VALUE (node))
    return FALSE;
  if (json_node_get_value_type (node) == G_TYPE_STRING)
    return kvs_answer_parse_time (json_node_get_string (node), time_us);
  if (json_node_get_value_type (node) == G_TYPE_BOOLEAN)
    return FALSE;
  return read_number (json_node_get_double (node), time_us);
}

static KvsCredentials *
read_object (JsonObject *object, const KvsAnswerForm *form, const KvsAnswerClock *clock,
             GError **error)
{
  gint64 expiration_us;

  if (!read_expiration (object, form->expiration, &expiration_us)) {
    g_set_error (error, KVS_ERROR, KVS_ERROR_CREDENTIALS,
                 "The answer's %s is not a time in ISO 8601", form->expiration);
    return NULL;
  }
  return kvs_answer_make_credentials (get_string (object, form->access_key),
                                      get_string (object, form->secret_key),
                                      get_string (object, form->session_token), expiration_us,
                                      clock, error);
}

/* IMDS and agents tell some failures with HTTP 200. */
static gboolean
check_code (JsonObject *object, GError **error)
{
  const gchar *code = get_string (object, "Code");
  g_autofree gchar *words = NULL;
  g_autofree gchar *message = NULL;

  if (code == NULL || g_str_equal (code, "Success"))
    return TRUE;
  words = kvs_answer_clean_text (code);
  message = kvs_answer_clean_text (get_string (object, "Message"));
  g_set_error (error, KVS_ERROR, KVS_ERROR_CREDENTIALS, "It has no credentials: %s%s%s",
               words != NULL ? words : "no code", message != NULL ? ": " : "",
               message != NULL ? message : "");
  return FALSE;
}

/**
 * kvs_answer_parse_json:
 * @text: (nullable): the answer
 * @size: of @text, in bytes
 * @form: how its members are called
 * @clock: time of who gave it
 * @error: what is wrong, as %KVS_ERROR_CREDENTIALS; it shows no value
 *
 * What the parser keeps of the keys is wiped. Any thread.
 *
 * Returns: (transfer full) (nullable): credentials that have not expired
 */
KvsCredentials *
kvs_answer_parse_json (const gchar *text, gsize size, const KvsAnswerForm *form,
                       const KvsAnswerClock *clock, GError **error)
{
  g_autoptr (JsonNode) answer = kvs_json_text_parse (text, size);
  KvsCredentials *credentials = NULL;
  JsonObject *object;

  if (answer == NULL) {
    g_set_error_literal (error, KVS_ERROR, KVS_ERROR_CREDENTIALS,
                         "The answer is not a JSON object; does something else answer in its "
                         "place, such as a proxy?");
    return NULL;
  }
  object = json_node_get_object (answer);
  if (!check_code (object, error))
    return NULL;
  if (form->member != NULL) {
    JsonNode *member = json_object_get_member (object, form->member);

    if (member == NULL || !JSON_NODE_HOLDS_OBJECT (member)) {
      g_set_error (error, KVS_ERROR, KVS_ERROR_CREDENTIALS, "The answer has no object \"%s\"",
                   form->member);
      return NULL;
    }
    object = json_node_get_object (member);
  }
  credentials = read_object (object, form, clock, error);
  wipe_string (object, form->secret_key);
  wipe_string (object, form->session_token);
  return credentials;
}
