/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "collector.h"

#include <string.h>

#include "http-server.h"

#define HEAD "HTTP/1.1 200 OK\r\n"

struct _Collector {
  HttpServer *http;
  GMutex lock;
  GCond over;
  GHashTable *streams; /* name -> GPtrArray of Recording, in the order in which they began */
};

static void
recordings_unref (gpointer recordings)
{
  g_ptr_array_unref (recordings);
}

static void
add_recording (Collector *collector, const gchar *name, Recording *recording)
{
  GPtrArray *recordings;

  g_mutex_lock (&collector->lock);
  recordings = g_hash_table_lookup (collector->streams, name);
  if (recordings == NULL) {
    recordings = g_ptr_array_new_with_free_func ((GDestroyNotify) recording_free);
    g_hash_table_insert (collector->streams, g_strdup (name), recordings);
  }
  g_ptr_array_add (recordings, recording);
  g_mutex_unlock (&collector->lock);
}

/* ---- PutMedia ---- */

static void
append_acks (GString *acks, const RecordedCluster *cluster)
{
  static const gchar *const types[] = { "BUFFERING", "RECEIVED", "PERSISTED" };

  for (guint i = 0; i < G_N_ELEMENTS (types); i++) {
    g_autofree gchar *ack = g_strdup_printf (
        "{\"EventType\":\"%s\",\"FragmentTimecode\":%" G_GUINT64_FORMAT
        ",\"FragmentNumber\":\"91343852333181432392682062\"}\n",
        types[i], cluster->timecode);

    g_string_append_printf (acks, "%" G_GSIZE_MODIFIER "x\r\n%s\r\n", strlen (ack), ack);
  }
}

static void
answer_until (Recording *recording, HttpPeer *peer, guint n_clusters)
{
  g_autoptr (GString) acks = g_string_new (NULL);

  for (; recording->n_answered < n_clusters; recording->n_answered++)
    append_acks (acks, recording->clusters->pdata[recording->n_answered]);
  if (acks->len > 0)
    http_peer_write (peer, acks->str);
}

static void
read_media (Recording *recording, HttpPeer *peer)
{
  g_autoptr (GByteArray) chunk = g_byte_array_new ();

  http_peer_write (peer, HEAD "Transfer-Encoding: chunked\r\n\r\n");
  while (http_peer_read_chunk (peer, chunk)) {
    recording_push (recording, chunk->data, chunk->len);
    g_byte_array_set_size (chunk, 0);
    if (recording->clusters->len > 0)
      answer_until (recording, peer, recording->clusters->len - 1);
  }
  if (!http_peer_is_body_ended (peer))
    return;
  recording_end (recording);
  answer_until (recording, peer, recording->clusters->len);
}

static void
put_media (Collector *collector, HttpPeer *peer)
{
  Recording *recording = recording_new ();

  add_recording (collector, http_peer_get_header (peer, "x-amzn-stream-name"), recording);
  read_media (recording, peer);
  g_mutex_lock (&collector->lock);
  recording->is_over = TRUE;
  g_cond_broadcast (&collector->over);
  g_mutex_unlock (&collector->lock);
  if (http_peer_is_body_ended (peer))
    http_peer_write (peer, "0\r\n\r\n");
}

/* ---- the rest ---- */

static void
on_request (HttpPeer *peer, const gchar *path, gpointer user_data)
{
  Collector *collector = user_data;
  g_autofree gchar *body = NULL;
  g_autofree gchar *request = NULL;
  g_autofree gchar *answer = NULL;

  if (strcmp (path, "/putMedia") == 0) {
    put_media (collector, peer);
    return;
  }
  request = http_peer_read_body (peer);
  if (strcmp (path, "/getDataEndpoint") == 0)
    body = g_strdup_printf ("{\"DataEndpoint\":\"%s\"}", http_server_get_url (collector->http));
  else
    body = g_strdup ("{\"StreamInfo\":{\"Status\":\"ACTIVE\",\"DataRetentionInHours\":2,"
                     "\"StreamARN\":\"arn:aws:kinesisvideo:us-west-2:1:stream/cam/1\"}}");
  answer = g_strdup_printf (HEAD "Content-Length: %" G_GSIZE_FORMAT "\r\n\r\n%s", strlen (body),
                            body);
  http_peer_write (peer, answer);
}

Collector *
collector_new (void)
{
  Collector *collector = g_new0 (Collector, 1);

  collector->streams = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, recordings_unref);
  collector->http = http_server_new (FALSE, on_request, collector);
  return collector;
}

void
collector_free (Collector *collector)
{
  http_server_free (collector->http);
  g_hash_table_unref (collector->streams);
  g_cond_clear (&collector->over);
  g_mutex_clear (&collector->lock);
  g_free (collector);
}

const gchar *
collector_get_url (Collector *collector)
{
  return http_server_get_url (collector->http);
}

guint
collector_count_connections (Collector *collector)
{
  return http_server_count_connections (collector->http);
}

/* Runs that an illegal sequence has left behind may still be uploading. */
static gboolean
are_over (GPtrArray *recordings)
{
  for (guint i = 0; i < recordings->len; i++) {
    if (!((const Recording *) recordings->pdata[i])->is_over)
      return FALSE;
  }
  return TRUE;
}

/**
 * collector_take:
 * @collector: a collector
 * @stream_name: a stream
 *
 * Waits for the end of its sessions.
 *
 * Returns: (transfer full): its recordings
 */
GPtrArray *
collector_take (Collector *collector, const gchar *stream_name)
{
  GPtrArray *recordings;

  g_mutex_lock (&collector->lock);
  recordings = g_hash_table_lookup (collector->streams, stream_name);
  if (recordings != NULL) {
    g_ptr_array_ref (recordings);
    while (!are_over (recordings))
      g_cond_wait (&collector->over, &collector->lock);
  }
  g_hash_table_remove (collector->streams, stream_name);
  g_mutex_unlock (&collector->lock);
  return recordings != NULL ? recordings : g_ptr_array_new ();
}
