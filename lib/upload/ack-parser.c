/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A small scanner finds where each JSON object ends, however the network cut it; JSON-GLib then
 * reads one whole, bounded object at a time. */
#include "upload/ack-parser.h"

#include <json-glib/json-glib.h>
#include <string.h>

/* keeps JSON-GLib's recursion flat */
#define MAX_DEPTH 32

typedef enum {
  STATE_BETWEEN, /* objects: white space is passed over */
  STATE_OBJECT,  /* within an object, outside its strings */
  STATE_STRING,  /* within a string of an object */
  STATE_ESCAPE,  /* after a backslash within a string */
  STATE_SKIP,    /* after something malformed, up to the next newline */
} State;

struct _KvsAckParser {
  KvsAckFunc func;
  gpointer user_data;
  JsonParser *json;
  guint64 n_malformed;
  State state;
  guint depth;
  gchar closers[MAX_DEPTH]; /* what must close each open object and array */
  gsize used;
  gchar text[KVS_ACK_MAX_BYTES];
};

/**
 * kvs_ack_parser_new:
 * @func: called for each acknowledgement, from within kvs_ack_parser_push()
 * @user_data: for @func
 *
 * Makes a parser for one PutMedia answer. It has no lock; use it from one thread.
 *
 * Returns: (transfer full): a new parser
 */
KvsAckParser *
kvs_ack_parser_new (KvsAckFunc func, gpointer user_data)
{
  KvsAckParser *parser = g_new0 (KvsAckParser, 1);

  parser->func = func;
  parser->user_data = user_data;
  parser->json = json_parser_new ();
  return parser;
}

/**
 * kvs_ack_parser_free:
 * @parser: (transfer full) (nullable): a parser
 */
void
kvs_ack_parser_free (KvsAckParser *parser)
{
  if (parser == NULL)
    return;
  g_object_unref (parser->json);
  g_free (parser);
}

/**
 * kvs_ack_parser_get_malformed_count:
 * @parser: a parser
 *
 * Returns: how many times something was thrown away because it was no acknowledgement
 */
guint64
kvs_ack_parser_get_malformed_count (const KvsAckParser *parser)
{
  return parser->n_malformed;
}

static KvsAckType
type_from_name (const gchar *name)
{
  static const struct {
    const gchar *name;
    KvsAckType type;
  } types[] = {
    { "BUFFERING", KVS_ACK_BUFFERING }, { "RECEIVED", KVS_ACK_RECEIVED },
    { "PERSISTED", KVS_ACK_PERSISTED }, { "ERROR", KVS_ACK_ERROR },
    { "IDLE", KVS_ACK_IDLE },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (types); i++) {
    if (strcmp (types[i].name, name) == 0)
      return types[i].type;
  }
  return KVS_ACK_UNKNOWN;
}

/* A member's value, or NULL where it is absent or null. */
static JsonNode *
get_value (JsonObject *object, const gchar *key)
{
  JsonNode *node = json_object_get_member (object, key);

  return node != NULL && JSON_NODE_HOLDS_NULL (node) ? NULL : node;
}

/* A member that must be a string where it is present; absent gives NULL. */
static gboolean
get_string (JsonObject *object, const gchar *key, const gchar **value)
{
  JsonNode *node = get_value (object, key);

  *value = NULL;
  if (node == NULL)
    return TRUE;
  if (!JSON_NODE_HOLDS_VALUE (node) || json_node_get_value_type (node) != G_TYPE_STRING)
    return FALSE;
  *value = json_node_get_string (node);
  return *value != NULL;
}

/* A member that must be an integer from 0 to max, bare or quoted, where it is present. Bare ones
 * beyond 64 bits come out of JSON-GLib as negative numbers, of 1.10 as the largest one. */
static gboolean
get_integer (JsonObject *object, const gchar *key, gint64 max, gboolean *present, gint64 *value)
{
  JsonNode *node = get_value (object, key);

  *present = FALSE;
  if (node == NULL)
    return TRUE;
  if (!JSON_NODE_HOLDS_VALUE (node))
    return FALSE;
  if (json_node_get_value_type (node) == G_TYPE_STRING) {
    const gchar *text = json_node_get_string (node);

    if (text == NULL || !g_ascii_string_to_signed (text, 10, 0, max, value, NULL))
      return FALSE;
  } else if (json_node_get_value_type (node) == G_TYPE_INT64) {
    *value = json_node_get_int (node);
    max = MIN (max, G_MAXINT64 - 1);
  } else {
    return FALSE;
  }
  *present = TRUE;
  return *value >= 0 && *value <= max;
}

static gboolean
copy_fragment_number (KvsAck *ack, const gchar *digits)
{
  gsize size = strlen (digits);

  if (size > KVS_ACK_FRAGMENT_NUMBER_MAX || strspn (digits, "0123456789") != size)
    return FALSE;
  memcpy (ack->fragment_number, digits, size + 1);
  return TRUE;
}

/* It will be shown in logs and messages, so nothing but plain text gets through. */
static void
copy_error_code (KvsAck *ack, const gchar *code)
{
  gsize i;

  for (i = 0; i < sizeof ack->error_code - 1 && code[i] != '\0'; i++)
    ack->error_code[i] = g_ascii_isprint (code[i]) ? code[i] : '?';
  ack->error_code[i] = '\0';
}

static gboolean
read_ack (JsonObject *object, KvsAck *ack)
{
  const gchar *event_type, *fragment_number, *error_code;
  gint64 error_id = 0;
  gboolean has_error_id;

  if (!get_string (object, "EventType", &event_type) || event_type == NULL
      || !get_string (object, "FragmentNumber", &fragment_number)
      || !get_string (object, "ErrorCode", &error_code)
      || !get_integer (object, "FragmentTimecode", G_MAXINT64, &ack->has_timecode, &ack->timecode)
      || !get_integer (object, "ErrorId", G_MAXINT, &has_error_id, &error_id))
    return FALSE;
  ack->type = type_from_name (event_type);
  ack->error_id = (guint) error_id;
  if (error_code != NULL)
    copy_error_code (ack, error_code);
  return fragment_number == NULL || copy_fragment_number (ack, fragment_number);
}

/* The text of one object is complete. */
static void
finish_object (KvsAckParser *parser)
{
  KvsAck ack = { 0 };
  JsonNode *root = NULL;

  if (json_parser_load_from_data (parser->json, parser->text, (gssize) parser->used, NULL))
    root = json_parser_get_root (parser->json);
  if (root != NULL && JSON_NODE_HOLDS_OBJECT (root) && read_ack (json_node_get_object (root), &ack))
    parser->func (&ack, parser->user_data);
  else
    parser->n_malformed++;
}

/* What is being read is no acknowledgement: goes on after the next newline. */
static void
give_up (KvsAckParser *parser, gchar c)
{
  parser->n_malformed++;
  parser->state = c == '\n' ? STATE_BETWEEN : STATE_SKIP;
}

static gboolean
open_nested (KvsAckParser *parser, gchar closer)
{
  if (parser->depth == MAX_DEPTH)
    return FALSE;
  parser->closers[parser->depth++] = closer;
  return TRUE;
}

static void
take_structure (KvsAckParser *parser, gchar c)
{
  gboolean good = TRUE;

  switch (c) {
  case '{':
    good = open_nested (parser, '}');
    break;
  case '[':
    good = open_nested (parser, ']');
    break;
  case '}':
  case ']':
    good = parser->closers[--parser->depth] == c;
    break;
  case '"':
    parser->state = STATE_STRING;
    break;
  default:
    /* white space between tokens may hold newlines; other control characters are not JSON */
    good = (guchar) c >= 0x20 || strchr ("\t\r\n", c) != NULL;
    break;
  }
  if (!good) {
    give_up (parser, c);
  } else if (parser->depth == 0) {
    parser->state = STATE_BETWEEN;
    finish_object (parser);
  }
}

static void
take_between (KvsAckParser *parser, gchar c)
{
  if (c == '{') {
    parser->state = STATE_OBJECT;
    parser->used = 0;
    parser->depth = 0;
  } else if (!g_ascii_isspace (c)) {
    give_up (parser, c);
  }
}

static void
take (KvsAckParser *parser, gchar c)
{
  if (parser->state == STATE_BETWEEN)
    take_between (parser, c);
  if (parser->state == STATE_SKIP && c == '\n')
    parser->state = STATE_BETWEEN;
  if (parser->state == STATE_BETWEEN || parser->state == STATE_SKIP)
    return;

  if (parser->used == sizeof parser->text) {
    give_up (parser, c);
    return;
  }
  parser->text[parser->used++] = c;
  if (parser->state == STATE_OBJECT)
    take_structure (parser, c);
  else if ((guchar) c < 0x20) /* never within a string: RFC 8259 section 7 */
    give_up (parser, c);
  else if (parser->state == STATE_ESCAPE)
    parser->state = STATE_STRING;
  else if (c == '\\')
    parser->state = STATE_ESCAPE;
  else if (c == '"')
    parser->state = STATE_OBJECT;
}

/**
 * kvs_ack_parser_push:
 * @parser: a parser
 * @data: bytes of the answer's body, cut anywhere
 * @size: of @data in bytes
 *
 * Calls the parser's function for each acknowledgement that is complete. Acknowledgements are JSON
 * objects, one after another with or without white space between them. What is none is thrown
 * away and counted; where no end can be told, up to the next newline. Memory use is bounded.
 */
void
kvs_ack_parser_push (KvsAckParser *parser, const gchar *data, gsize size)
{
  for (gsize i = 0; i < size; i++)
    take (parser, data[i]);
}
