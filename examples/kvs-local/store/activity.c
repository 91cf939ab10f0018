/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "store/activity.h"

#include "api/fragment-number.h"

#define MAX_ACKS 60
/* Errors are rare, and must not be washed away by good acks. */
#define MAX_ERRORS 30

/* One second more than what is told of: the current one is not over. */
#define N_SECONDS 61

/* A rate over less would jump with each fragment. */
#define RATE_SECONDS 10

typedef struct {
  gint64 time_ms;
  KvsLocalAckType type;
  gboolean has_fragment;
  guint64 timecode;
  gchar number[KVS_LOCAL_FRAGMENT_NUMBER_CHARS];
  KvsLocalAckError error;
} Event;

struct _KvsLocalActivity {
  GQueue acks; /* (element-type Event), newest first */
  GQueue errors;
  guint64 bytes[N_SECONDS]; /* a ring */
  gint64 second;            /* the newest in the ring, of the monotonic clock */
};

static gint64
now_second (void)
{
  return g_get_monotonic_time () / G_USEC_PER_SEC;
}

/**
 * kvs_local_activity_new:
 *
 * Returns: (transfer full): of a stream to which nothing happened
 */
KvsLocalActivity *
kvs_local_activity_new (void)
{
  KvsLocalActivity *activity = g_new0 (KvsLocalActivity, 1);

  g_queue_init (&activity->acks);
  g_queue_init (&activity->errors);
  activity->second = now_second ();
  return activity;
}

/**
 * kvs_local_activity_free:
 * @activity: (transfer full) (nullable): an activity
 */
void
kvs_local_activity_free (KvsLocalActivity *activity)
{
  if (activity == NULL)
    return;
  g_queue_clear_full (&activity->acks, g_free);
  g_queue_clear_full (&activity->errors, g_free);
  g_free (activity);
}

/* The place of the event that goes is taken for the one that comes. */
static void
add_event (GQueue *queue, guint max_length, const Event *event)
{
  Event *copy = queue->length < max_length ? g_new (Event, 1) : g_queue_pop_tail (queue);

  *copy = *event;
  g_queue_push_head (queue, copy);
}

/**
 * kvs_local_activity_add_ack:
 * @activity: of the stream that the ack is about
 * @ack: an ack, whether or not the client wants to have it
 */
void
kvs_local_activity_add_ack (KvsLocalActivity *activity, const KvsLocalAck *ack)
{
  Event event = {
    .time_ms = g_get_real_time () / 1000,
    .type = ack->type,
    .has_fragment = ack->has_fragment,
    .timecode = ack->timecode,
    .error = ack->error,
  };

  if (ack->has_fragment)
    g_strlcpy (event.number, ack->number, sizeof event.number);
  add_event (&activity->acks, MAX_ACKS, &event);
  if (ack->type == KVS_LOCAL_ACK_ERROR)
    add_event (&activity->errors, MAX_ERRORS, &event);
}

/* Makes the current second the newest of the ring. */
static void
turn_ring (KvsLocalActivity *activity)
{
  gint64 now = now_second ();

  for (gint64 i = MAX (activity->second + 1, now - N_SECONDS + 1); i <= now; i++)
    activity->bytes[i % N_SECONDS] = 0;
  activity->second = now;
}

/**
 * kvs_local_activity_add_bytes:
 * @activity: of the stream to which they came
 * @size: bytes of a PutMedia body
 */
void
kvs_local_activity_add_bytes (KvsLocalActivity *activity, gsize size)
{
  turn_ring (activity);
  activity->bytes[activity->second % N_SECONDS] += size;
}

/**
 * kvs_local_activity_get_bytes_per_second:
 * @activity: an activity
 *
 * Returns: how much came lately, a second
 */
gdouble
kvs_local_activity_get_bytes_per_second (KvsLocalActivity *activity)
{
  guint64 sum = 0;

  turn_ring (activity);
  for (gint i = 1; i <= RATE_SECONDS; i++)
    sum += activity->bytes[(activity->second - i + N_SECONDS) % N_SECONDS];
  return (gdouble) sum / RATE_SECONDS;
}

/**
 * kvs_local_activity_get_rates:
 * @activity: an activity
 *
 * Returns: (transfer full): bytes that came in each of the last 60 seconds, the oldest first
 */
JsonArray *
kvs_local_activity_get_rates (KvsLocalActivity *activity)
{
  JsonArray *rates = json_array_sized_new (N_SECONDS - 1);

  turn_ring (activity);
  for (gint i = N_SECONDS - 1; i >= 1; i--)
    json_array_add_int_element (
      rates, (gint64) activity->bytes[(activity->second - i + N_SECONDS) % N_SECONDS]);
  return rates;
}

static JsonObject *
event_to_json (const Event *event)
{
  JsonObject *object = json_object_new ();

  json_object_set_int_member (object, "time_ms", event->time_ms);
  json_object_set_string_member (object, "type", kvs_local_ack_get_type_name (event->type));
  if (event->has_fragment) {
    /* as text: what a browser takes for a number has 53 bits */
    g_autofree gchar *timecode = g_strdup_printf ("%" G_GUINT64_FORMAT, event->timecode);

    json_object_set_string_member (object, "timecode", timecode);
    json_object_set_string_member (object, "number", event->number);
  }
  if (event->type == KVS_LOCAL_ACK_ERROR) {
    json_object_set_string_member (object, "error",
                                   kvs_local_ack_get_error_code (event->error));
    json_object_set_int_member (object, "error_id", kvs_local_ack_get_error_id (event->error));
  }
  return object;
}

/**
 * kvs_local_activity_get_acks:
 * @activity: an activity
 * @errors_alone: whether ERROR acks alone are asked for, which are kept longer
 *
 * Returns: (transfer full): the last acks, the newest first
 */
JsonArray *
kvs_local_activity_get_acks (KvsLocalActivity *activity, gboolean errors_alone)
{
  const GQueue *queue = errors_alone ? &activity->errors : &activity->acks;
  JsonArray *acks = json_array_sized_new (queue->length);

  for (GList *l = queue->head; l != NULL; l = l->next)
    json_array_add_object_element (acks, event_to_json (l->data));
  return acks;
}
