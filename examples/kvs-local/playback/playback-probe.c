/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "playback/playback-probe.h"

#include <stdio.h>

#include "api/service-error.h"
#include "av/codecs.h"

#define NS_PER_MS 1000000
#define NS_PER_SECOND 1e9

/* libavformat finds no tracks before it has seen a Cluster. */
#define CLUSTER_START_BYTES 32

/* fragment: one that is new
 * path: its file
 * header: (nullable): its bytes up to the Cluster, %NULL if it is gone
 * tracks: (nullable): what they say */
typedef struct {
  KvsLocalFragment fragment;
  gchar *path;
  GBytes *header;
  KvsLocalMedia *tracks;
} Item;

/* items: (element-type Item)
 * header: (nullable): of the last fragment that the session has
 * tracks: (nullable): what it says
 * first: (nullable): the first fragment of a new session
 * wants_first: whether it is one */
struct _KvsLocalProbe {
  KvsLocalJob job;
  KvsLocalPlaybackSession *session;
  GArray *items;
  GBytes *header;
  KvsLocalMedia *tracks;
  gboolean wants_first;
  KvsLocalMedia *first;
  GError *error;
  KvsLocalProbeFunc func;
  gpointer user_data;
  GDestroyNotify destroy;
};

static void
clear_item (gpointer data)
{
  Item *item = data;

  g_free (item->path);
  g_clear_pointer (&item->header, g_bytes_unref);
  g_clear_pointer (&item->tracks, kvs_local_media_unref);
}

/* The file as far as into its Cluster */
static GBytes *
read_start (const Item *item)
{
  gsize wanted = (gsize) item->fragment.cluster_offset + CLUSTER_START_BYTES;
  g_autofree guint8 *data = g_malloc (wanted);
  FILE *file = fopen (item->path, "rbe");
  gsize size;

  if (file == NULL)
    return NULL;
  size = fread (data, 1, wanted, file);
  fclose (file);
  if (size < item->fragment.cluster_offset)
    return NULL;
  return g_bytes_new_take (g_steal_pointer (&data), size);
}

/* Nearly always the header is that of the fragment before, and so are the tracks. One that cannot be
 * read after others could is listed with theirs: who fetches the fragment is told. */
static gboolean
read_tracks (KvsLocalProbe *probe, const Item *item, GBytes *start)
{
  g_autoptr (GBytes) header
    = g_bytes_new_from_bytes (start, 0, (gsize) item->fragment.header_size);
  KvsLocalMedia *tracks;

  if (probe->header != NULL && g_bytes_equal (probe->header, header))
    return TRUE;
  tracks = kvs_local_media_new_tracks (start, probe->tracks != NULL ? NULL : &probe->error);
  if (tracks == NULL)
    return probe->tracks != NULL;
  g_clear_pointer (&probe->header, g_bytes_unref);
  g_clear_pointer (&probe->tracks, kvs_local_media_unref);
  probe->header = g_steal_pointer (&header);
  probe->tracks = tracks;
  return TRUE;
}

static gboolean
probe_item (KvsLocalProbe *probe, Item *item)
{
  g_autoptr (GBytes) start = read_start (item);

  if (start == NULL)
    return TRUE;
  if (!read_tracks (probe, item, start))
    return FALSE;
  item->header = g_bytes_ref (probe->header);
  item->tracks = kvs_local_media_ref (probe->tracks);
  return TRUE;
}

static void
work (KvsLocalJob *job)
{
  KvsLocalProbe *probe = (KvsLocalProbe *) job;

  for (guint i = 0; i < probe->items->len; i++) {
    Item *item = &g_array_index (probe->items, Item, i);

    if (!probe_item (probe, item))
      return;
    if (probe->wants_first && probe->first == NULL && item->header != NULL) {
      probe->first = kvs_local_media_load (item->path, &item->fragment, &probe->error);
      if (probe->first == NULL)
        return;
    }
  }
}

/* Pictures a second, or 0 if that is not known */
static gdouble
get_frame_rate (const KvsLocalMedia *media)
{
  const AVCodecParameters *codec = g_ptr_array_index (media->tracks, 0);
  gint64 first_ns = 0, last_ns = 0;
  guint n_pictures = 0;

  if (codec->codec_type != AVMEDIA_TYPE_VIDEO)
    return 0.0;
  for (guint i = 0; i < media->packets->len; i++) {
    const AVPacket *packet = g_ptr_array_index (media->packets, i);

    if (packet->stream_index != 0)
      continue;
    /* dts is in the order of showing */
    if (n_pictures++ == 0)
      first_ns = packet->dts;
    last_ns = packet->dts;
  }
  return last_ns > first_ns ? (n_pictures - 1) * NS_PER_SECOND / (gdouble) (last_ns - first_ns) : 0.0;
}

/* What is true for the whole session. */
static void
take_first (KvsLocalPlaybackSession *session, const KvsLocalMedia *first)
{
  session->delay_ms = (first->delay_ns + NS_PER_MS - 1) / NS_PER_MS;
  session->frame_rate = get_frame_rate (first);
}

/* Media that cannot be read are of no type that is supported: sessions know no other exception for
 * them (kvs-api.md Annex A.3). */
static gboolean
check (KvsLocalProbe *probe)
{
  if (g_error_matches (probe->error, KVS_LOCAL_ERROR, KVS_LOCAL_ERROR_INVALID_MEDIA_FRAME))
    probe->error->code = KVS_LOCAL_ERROR_UNSUPPORTED_MEDIA_TYPE;
  if (probe->error != NULL)
    return FALSE;
  if (!probe->wants_first)
    return TRUE;
  if (probe->first == NULL) {
    g_set_error_literal (&probe->error, KVS_LOCAL_ERROR, KVS_LOCAL_ERROR_RESOURCE_NOT_FOUND,
                         KVS_LOCAL_MESSAGE_NO_FRAGMENTS);
    return FALSE;
  }
  if (!kvs_local_codecs_check (probe->first->tracks,
                               kvs_local_playback_request_consumer (&probe->session->request),
                               &probe->error))
    return FALSE;
  take_first (probe->session, probe->first);
  return TRUE;
}

static void
done (KvsLocalJob *job)
{
  KvsLocalProbe *probe = (KvsLocalProbe *) job;

  if (check (probe)) {
    for (guint i = 0; i < probe->items->len; i++) {
      const Item *item = &g_array_index (probe->items, Item, i);

      if (item->header != NULL)
        kvs_local_playback_session_append (probe->session, &item->fragment, item->header,
                                           item->tracks);
    }
  }
  probe->func (probe->session, probe->error, probe->user_data);
}

static void
free_probe (KvsLocalJob *job)
{
  KvsLocalProbe *probe = (KvsLocalProbe *) job;

  g_array_unref (probe->items);
  g_clear_pointer (&probe->header, g_bytes_unref);
  g_clear_pointer (&probe->tracks, kvs_local_media_unref);
  g_clear_pointer (&probe->first, kvs_local_media_unref);
  g_clear_error (&probe->error);
  kvs_local_playback_session_unref (probe->session);
  probe->destroy (probe->user_data);
  g_free (probe);
}

/**
 * kvs_local_probe_start:
 * @worker: who reads
 * @store: the store
 * @session: a session
 * @fragments: (element-type KvsLocalFragment): what comes next into it
 * @func: called when they are in it
 * @user_data: for @func
 * @destroy: for @user_data
 */
void
kvs_local_probe_start (KvsLocalWorker *worker, KvsLocalStore *store,
                       KvsLocalPlaybackSession *session, const GArray *fragments,
                       KvsLocalProbeFunc func, gpointer user_data, GDestroyNotify destroy)
{
  KvsLocalProbe *probe = g_new0 (KvsLocalProbe, 1);
  guint n_generations = session->generations->len;

  probe->job = (KvsLocalJob) { .work = work, .done = done, .free = free_probe };
  probe->session = kvs_local_playback_session_ref (session);
  probe->wants_first = n_generations == 0;
  probe->func = func;
  probe->user_data = user_data;
  probe->destroy = destroy;
  if (session->header != NULL) {
    probe->header = g_bytes_ref (session->header);
    probe->tracks = kvs_local_media_ref (session->tracks);
  }
  probe->items = g_array_sized_new (FALSE, FALSE, sizeof (Item), fragments->len);
  g_array_set_clear_func (probe->items, clear_item);
  for (guint i = 0; i < fragments->len; i++) {
    Item item = { .fragment = g_array_index (fragments, KvsLocalFragment, i) };

    item.path = kvs_local_store_get_path (store, session->stream, item.fragment.number);
    g_array_append_val (probe->items, item);
  }
  kvs_local_worker_push (worker, &probe->job);
}
