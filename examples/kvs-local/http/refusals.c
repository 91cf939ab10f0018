/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "http/refusals.h"

#include <string.h>

#include "api/service-error.h"

#define MAX_REFUSALS 30
#define PAGE_PREFIX "/kvs-local/"

/* Paths and messages repeat what the client said, which may be long. */
#define MAX_TEXT_CHARS 300

typedef struct {
  gint64 time_ms;
  gchar *path;
  gchar *error;
  gchar *message;
  guint status;
} Refusal;

struct _KvsLocalRefusals {
  GQueue queue; /* (element-type Refusal), newest first */
};

static void
refusal_free (gpointer data)
{
  Refusal *refusal = data;

  g_free (refusal->path);
  g_free (refusal->error);
  g_free (refusal->message);
  g_free (refusal);
}

/**
 * kvs_local_refusals_new:
 *
 * Returns: (transfer full): an empty list
 */
KvsLocalRefusals *
kvs_local_refusals_new (void)
{
  KvsLocalRefusals *refusals = g_new0 (KvsLocalRefusals, 1);

  g_queue_init (&refusals->queue);
  return refusals;
}

/**
 * kvs_local_refusals_free:
 * @refusals: (transfer full) (nullable): a list
 */
void
kvs_local_refusals_free (KvsLocalRefusals *refusals)
{
  if (refusals == NULL)
    return;
  g_queue_clear_full (&refusals->queue, refusal_free);
  g_free (refusals);
}

static gchar *
bounded_text (const gchar *text)
{
  g_autofree gchar *valid = g_utf8_make_valid (text, -1);

  if (g_utf8_strlen (valid, -1) <= MAX_TEXT_CHARS)
    return g_steal_pointer (&valid);
  return g_utf8_substring (valid, 0, MAX_TEXT_CHARS);
}

/**
 * kvs_local_refusals_add:
 * @refusals: the list
 * @path: of the request, without its query, which may have a signature or a token
 * @why: what it is answered
 *
 * What the page asks for is left out: there is no stranger behind it, and it asks every moment.
 */
void
kvs_local_refusals_add (KvsLocalRefusals *refusals, const gchar *path, const GError *why)
{
  Refusal *refusal;
  gchar *type;

  if (g_str_has_prefix (path, PAGE_PREFIX))
    return;
  refusal = g_new0 (Refusal, 1);
  type = kvs_local_error_type (why);
  refusal->time_ms = g_get_real_time () / 1000;
  refusal->path = bounded_text (path);
  /* the name alone, without the address behind it */
  type[strcspn (type, ":")] = '\0';
  refusal->error = type;
  refusal->message = bounded_text (why->message);
  refusal->status = kvs_local_error_status (why);
  g_queue_push_head (&refusals->queue, refusal);
  if (refusals->queue.length > MAX_REFUSALS)
    refusal_free (g_queue_pop_tail (&refusals->queue));
}

/**
 * kvs_local_refusals_to_json:
 * @refusals: the list
 *
 * Returns: (transfer full): the refused requests, the newest first
 */
JsonArray *
kvs_local_refusals_to_json (KvsLocalRefusals *refusals)
{
  JsonArray *array = json_array_sized_new (refusals->queue.length);

  for (GList *l = refusals->queue.head; l != NULL; l = l->next) {
    const Refusal *refusal = l->data;
    JsonObject *object = json_object_new ();

    json_object_set_int_member (object, "time_ms", refusal->time_ms);
    json_object_set_string_member (object, "path", refusal->path);
    json_object_set_int_member (object, "status", refusal->status);
    json_object_set_string_member (object, "error", refusal->error);
    json_object_set_string_member (object, "message", refusal->message);
    json_array_add_object_element (array, object);
  }
  return array;
}
