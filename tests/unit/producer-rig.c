/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "producer-rig.h"

#include <check.h>

#include "wait.h"

#include "aws/credentials/static-provider.h"

#define START (G_GINT64_CONSTANT (1700000000) * MEDIA_S)
/* A Fragment takes half a second of media time. */
#define DEFAULT_FRAME_NS (100 * MEDIA_MS)
#define FRAME_BYTES 200

/* ---- events ---- */

static void
told_free (gpointer data)
{
  Told *told = data;

  g_free (told->message);
  g_free (told->aws_type);
  g_free (told);
}

static void
tell (ProducerRig *rig, GPtrArray *where, const GError *error, const KvsServiceError *service_error)
{
  Told *told = g_new0 (Told, 1);

  ck_assert (error->domain == KVS_ERROR);
  told->code = (KvsError) error->code;
  told->message = g_strdup (error->message);
  if (service_error != NULL) {
    told->aws_type = g_strdup (service_error->type);
    told->http_status = service_error->http_status;
    told->ack_id = service_error->ack_id;
    told->ack_timecode = service_error->ack_timecode;
  }
  g_mutex_lock (&rig->lock);
  g_ptr_array_add (where, told);
  g_mutex_unlock (&rig->lock);
}

static void
on_failed (const GError *error, const KvsServiceError *service_error, gpointer user_data)
{
  ProducerRig *rig = user_data;

  tell (rig, rig->failures, error, service_error);
}

static void
on_warning (const GError *error, const KvsServiceError *service_error, gpointer user_data)
{
  ProducerRig *rig = user_data;

  tell (rig, rig->warnings, error, service_error);
}

static void
count (ProducerRig *rig, guint *counter)
{
  g_mutex_lock (&rig->lock);
  (*counter)++;
  g_mutex_unlock (&rig->lock);
}

static void
on_ack (const KvsAck *ack, gpointer user_data)
{
  ProducerRig *rig = user_data;

  count (rig, &rig->n_acks);
  if (ack->type == KVS_ACK_ERROR)
    count (rig, &rig->n_error_acks);
  if (ack->type == KVS_ACK_PERSISTED)
    count (rig, &rig->n_persisted);
}

static void
on_reconnecting (const GError *error, gint64 delay_us, guint n_failures, gpointer user_data)
{
  ProducerRig *rig = user_data;

  const Reconnect reconnect = { delay_us, n_failures };

  ck_assert_int_gt (delay_us, 0);
  ck_assert_uint_gt (n_failures, 0);
  g_mutex_lock (&rig->lock);
  g_array_append_val (rig->reconnects, reconnect);
  g_mutex_unlock (&rig->lock);
}

static void
on_dropped (KvsDropReason reason, guint n_frames, gpointer user_data)
{
  ProducerRig *rig = user_data;

  ck_assert_uint_gt (n_frames, 0);
  count (rig, &rig->n_dropped);
}

static void
on_missing (guint track_number, const gchar *stream_name, gpointer user_data)
{
  ProducerRig *rig = user_data;

  ck_assert_uint_eq (track_number, 2);
  ck_assert_str_eq (stream_name, "cam");
  count (rig, &rig->n_missing);
}

static void
on_session_started (gpointer user_data)
{
  ProducerRig *rig = user_data;

  count (rig, &rig->n_started);
}

static void
on_session_ended (gpointer user_data)
{
  ProducerRig *rig = user_data;

  count (rig, &rig->n_ended);
}

static void
on_spool_trouble (gboolean has_trouble, gpointer user_data)
{
  ProducerRig *rig = user_data;

  count (rig, has_trouble ? &rig->n_spool_failed : &rig->n_spool_works);
}

static void
on_drained (gpointer user_data)
{
  ProducerRig *rig = user_data;

  count (rig, &rig->n_drained);
}

static void
on_destroy (gpointer user_data)
{
  ProducerRig *rig = user_data;

  count (rig, &rig->n_destroyed);
}

/* ---- the rig ---- */

/* The definition may be changed until producer_rig_start(). */
ProducerRig *
producer_rig_new (gboolean tls)
{
  ProducerRig *rig = g_new0 (ProducerRig, 1);

  rig->n_threads_before = count_threads_before ();
  rig->service = service_new (tls);
  rig->definition = kvs_stream_definition_new ("cam");
  rig->definition->flush_interval_ns = 10 * MEDIA_MS;
  rig->ca_path = g_strdup (service_get_ca_path (rig->service));
  rig->total_timeout_ms = 10000;
  rig->frame_ns = DEFAULT_FRAME_NS;
  rig->warnings = g_ptr_array_new_with_free_func (told_free);
  rig->failures = g_ptr_array_new_with_free_func (told_free);
  rig->reconnects = g_array_new (FALSE, FALSE, sizeof (Reconnect));
  return rig;
}

static KvsCredentialsCache *
open_credentials (KvsLoop *loop, gpointer user_data)
{
  g_autoptr (KvsCredentials) credentials = kvs_credentials_new ("AKIDEXAMPLE", "SECRET", NULL, 0);

  return kvs_credentials_cache_new (loop, kvs_static_provider_new (loop, "test", credentials));
}

void
producer_rig_start (ProducerRig *rig)
{
  static const KvsProducerEvents events = {
    .failed = on_failed,
    .warning = on_warning,
    .reconnecting = on_reconnecting,
    .dropped = on_dropped,
    .missing = on_missing,
    .ack = on_ack,
    .session_started = on_session_started,
    .session_ended = on_session_ended,
    .spool_trouble = on_spool_trouble,
    .drained = on_drained,
  };
  const KvsProducerConfig config = {
    .definition = rig->definition,
    .region = "us-west-2",
    .endpoint = rig->endpoint != NULL ? rig->endpoint : service_get_url (rig->service),
    .data_endpoint = rig->data_endpoint,
    .credentials = { .open = open_credentials },
    .http = {
      .ca_path = rig->ca_path,
      .user_agent = (gchar *) "test",
      .connect_timeout_ms = 5000,
      .total_timeout_ms = rig->total_timeout_ms,
    },
  };

  rig->producer = kvs_producer_new (&config, &events, rig, on_destroy);
  rig->next_track = media_track_new ();
  kvs_producer_add_track (rig->producer, 1, KVS_TRACK_TYPE_VIDEO);
  kvs_producer_start (rig->producer);
}

/* Ends it all, and sees that nothing is left. */
void
producer_rig_free (ProducerRig *rig)
{
  if (rig->producer != NULL) {
    kvs_producer_abort (rig->producer);
    kvs_producer_unref (rig->producer);
    ck_assert (producer_rig_wait (rig, &rig->n_destroyed, 1));
  }
  service_free (rig->service);
  ck_assert (rig->is_guest || wait_until_threads_are (rig->n_threads_before));
  ck_assert_uint_le (rig->n_drained, 1);
  ck_assert_uint_le (rig->failures->len, 1);
  kvs_stream_definition_free (rig->definition);
  kvs_track_free (rig->next_track);
  g_ptr_array_unref (rig->warnings);
  g_ptr_array_unref (rig->failures);
  g_array_unref (rig->reconnects);
  g_free (rig->endpoint);
  g_free (rig->data_endpoint);
  g_free (rig->ca_path);
  g_free (rig);
}

void
producer_rig_push (ProducerRig *rig, guint n_fragments)
{
  for (guint i = 0; i < n_fragments * FRAMES_A_FRAGMENT; i++) {
    guint64 id = rig->next_id++;
    KvsFrame *frame = media_frame_new (id, id % FRAMES_A_FRAGMENT == 0,
                                       START + (gint64) id * rig->frame_ns, FRAME_BYTES);

    frame->info.duration_ns = rig->frame_ns;
    ck_assert_int_eq (kvs_producer_push (rig->producer, frame, rig->next_track), KVS_PUSH_STORED);
    g_clear_pointer (&rig->next_track, kvs_track_free);
  }
}

/* ---- waiting ---- */

typedef struct {
  ProducerRig *rig;
  const guint *counter;
  guint at_least;
} Expected;

static gboolean
has_come (gpointer user_data)
{
  const Expected *expected = user_data;
  gboolean enough;

  g_mutex_lock (&expected->rig->lock);
  enough = *expected->counter >= expected->at_least;
  g_mutex_unlock (&expected->rig->lock);
  return enough;
}

gboolean
producer_rig_wait (ProducerRig *rig, const guint *counter, guint at_least)
{
  Expected expected = { rig, counter, at_least };

  return wait_until (has_come, &expected);
}

/* The warning number @n, from 1. */
const Told *
producer_rig_wait_for_warning (ProducerRig *rig, guint n)
{
  const Told *told;

  ck_assert_msg (producer_rig_wait (rig, &rig->warnings->len, n), "no warning number %u", n);
  g_mutex_lock (&rig->lock);
  told = g_ptr_array_index (rig->warnings, n - 1);
  g_mutex_unlock (&rig->lock);
  return told;
}

const Told *
producer_rig_wait_for_failure (ProducerRig *rig)
{
  const Told *told;

  ck_assert_msg (producer_rig_wait (rig, &rig->failures->len, 1), "it goes on");
  g_mutex_lock (&rig->lock);
  told = g_ptr_array_index (rig->failures, 0);
  g_mutex_unlock (&rig->lock);
  return told;
}

/* The retry number @n, from 1. */
Reconnect
producer_rig_wait_for_reconnect (ProducerRig *rig, guint n)
{
  Reconnect reconnect;

  ck_assert_msg (producer_rig_wait (rig, &rig->reconnects->len, n), "no retry number %u", n);
  g_mutex_lock (&rig->lock);
  reconnect = g_array_index (rig->reconnects, Reconnect, n - 1);
  g_mutex_unlock (&rig->lock);
  return reconnect;
}

guint
producer_rig_count_warnings (ProducerRig *rig)
{
  guint n;

  g_mutex_lock (&rig->lock);
  n = rig->warnings->len;
  g_mutex_unlock (&rig->lock);
  return n;
}

/* Ends the stream and waits until all is delivered. */
void
producer_rig_finish (ProducerRig *rig)
{
  kvs_producer_finish (rig->producer);
  ck_assert (producer_rig_wait (rig, &rig->n_drained, 1));
}

/* Each frame that was pushed is stored, once and in order, and was counted. */
void
producer_rig_assert_all_stored (ProducerRig *rig)
{
  KvsProducerStats stats;

  kvs_producer_get_stats (rig->producer, &stats);
  service_assert_stored_once (rig->service, (guint) rig->next_id);
  ck_assert_uint_eq (stats.buffer.frames_in, rig->next_id);
  ck_assert_uint_eq (stats.buffer.frames_persisted, rig->next_id);
  ck_assert_uint_eq (stats.buffer.fragments_buffered, 0);
  ck_assert_uint_eq (stats.buffer.bytes_buffered, 0);
}
