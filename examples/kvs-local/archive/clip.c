/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "archive/clip.h"

#include <errno.h>
#include <gio/gio.h>
#include <glib/gstdio.h>
#include <unistd.h>

#include "api/service-error.h"
#include "archive/archive.h"
#include "archive/clip-media.h"
#include "archive/fragment-selector.h"
#include "av/remux.h"
#include "http/args.h"
#include "http/jobs.h"

#define NS_PER_MS G_GINT64_CONSTANT (1000000)

/* kvs-api.md section 14: what is beyond is left away */
#define MAX_FRAGMENTS 200
#define MAX_BYTES (100 * 1000 * 1000)

/* A fragment that begins no further than this from the end of the one before stays where it is;
 * others are moved to that end, so that a clip has no holes. */
#define MAX_SHIFT_MS 50

static const KvsLocalSelectorRules rules = {
  .member = "ClipFragmentSelector",
  .need = KVS_LOCAL_RANGE_BOTH_ENDS,
  .is_playback = TRUE,
};

/* Made in the main thread, worked on in another.
 * fragments: (element-type KvsLocalFragment)
 * paths: (element-type utf8): of each of @fragments
 * first: (nullable): media of the first fragment in @file
 * path: (nullable): where @file is written
 * position_ms: where the last fragment is in it */
typedef struct {
  GArray *fragments;
  GPtrArray *paths;
  gchar *folder;
  KvsLocalMedia *first;
  gchar *path;
  KvsLocalMp4File *file;
  const KvsLocalFragment *last;
  gint64 position_ms;
} Task;

static void
task_free (gpointer data)
{
  Task *task = data;

  kvs_local_mp4_file_free (task->file);
  kvs_local_media_unref (task->first);
  if (task->path != NULL)
    g_unlink (task->path);
  g_free (task->path);
  g_free (task->folder);
  g_array_unref (task->fragments);
  g_ptr_array_unref (task->paths);
  g_free (task);
}

static Task *
make_task (GArray *fragments, KvsLocalStore *store, KvsLocalStream *stream)
{
  Task *task = g_new0 (Task, 1);
  guint64 size = 0;

  task->fragments = g_array_ref (fragments);
  task->folder = kvs_local_store_get_folder (store, stream);
  task->paths = g_ptr_array_new_with_free_func (g_free);
  for (guint i = 0; i < fragments->len; i++) {
    const KvsLocalFragment *fragment = &g_array_index (fragments, KvsLocalFragment, i);

    size += fragment->file_size;
    if (i > 0 && size > MAX_BYTES)
      break;
    g_ptr_array_add (task->paths, kvs_local_store_get_path (store, stream, fragment->number));
  }
  return task;
}

/* In the folder of the stream, which is tidied up after a crash. */
static gboolean
open_file (Task *task, KvsLocalMedia *first, GError **error)
{
  gint fd;

  task->path = g_build_filename (task->folder, "clip-XXXXXX.part", NULL);
  fd = g_mkstemp (task->path);
  if (fd < 0) {
    g_set_error (error, G_IO_ERROR, g_io_error_from_errno (errno), "%s: %s", task->path,
                 g_strerror (errno));
    g_clear_pointer (&task->path, g_free);
    return FALSE;
  }
  close (fd);
  task->first = kvs_local_media_ref (first);
  task->file = kvs_local_mp4_file_new (first, task->path, error);
  return task->file != NULL;
}

static void
move_position (Task *task, const KvsLocalFragment *fragment)
{
  gint64 distance_ms;

  if (task->last == NULL)
    return;
  distance_ms = fragment->producer_ms - task->last->producer_ms;
  if (ABS (distance_ms - task->last->duration_ms) > MAX_SHIFT_MS)
    distance_ms = task->last->duration_ms;
  task->position_ms += distance_ms;
}

static gboolean
add_fragment (Task *task, const KvsLocalFragment *fragment, KvsLocalMedia *media, GError **error)
{
  KvsLocalRemuxTime time;

  if (!kvs_local_clip_media_check (media, error))
    return FALSE;
  if (task->file == NULL ? !open_file (task, media, error)
                         : !kvs_local_clip_media_continues (task->first, media, error))
    return FALSE;
  move_position (task, fragment);
  task->last = fragment;
  /* The first picture is shown at zero, decoding begins before. */
  time.position_ns = task->position_ms * NS_PER_MS - task->first->delay_ns;
  time.delay_ns = task->first->delay_ns;
  return kvs_local_mp4_file_add (task->file, media, &time, error);
}

/* A fragment whose time is over meanwhile is left out. */
static gboolean
add_path (Task *task, guint place, GError **error)
{
  const KvsLocalFragment *fragment = &g_array_index (task->fragments, KvsLocalFragment, place);
  g_autoptr (GError) failure = NULL;
  g_autoptr (KvsLocalMedia) media
    = kvs_local_media_load (g_ptr_array_index (task->paths, place), fragment, &failure);

  if (media != NULL)
    return add_fragment (task, fragment, media, error);
  if (g_error_matches (failure, G_FILE_ERROR, G_FILE_ERROR_NOENT))
    return TRUE;
  g_propagate_error (error, g_steal_pointer (&failure));
  return FALSE;
}

static gboolean
refuse_empty (GError **error)
{
  g_set_error_literal (error, KVS_LOCAL_ERROR, KVS_LOCAL_ERROR_RESOURCE_NOT_FOUND,
                       "No fragments found in the stream for the clip request.");
  return FALSE;
}

static GBytes *
run (gpointer data, GCancellable *cancellable, const gchar **content_type, GError **error)
{
  Task *task = data;
  g_autoptr (GMappedFile) mapped = NULL;

  for (guint i = 0; i < task->paths->len; i++) {
    if (g_cancellable_set_error_if_cancelled (cancellable, error) || !add_path (task, i, error))
      return NULL;
  }
  if (task->file == NULL) {
    refuse_empty (error);
    return NULL;
  }
  if (!kvs_local_mp4_file_finish (task->file, error))
    return NULL;
  mapped = g_mapped_file_new (task->path, FALSE, error);
  *content_type = "video/mp4";
  return mapped != NULL ? g_mapped_file_get_bytes (mapped) : NULL;
}

static gboolean
take_points (KvsLocalServer *server, KvsLocalStream *stream, guint n_fragments, GError **error)
{
  return kvs_local_server_take_quota (server, &stream->quotas, KVS_LOCAL_QUOTA_MEDIA_POINTS,
                                      n_fragments, error)
         && kvs_local_server_take_quota (server, &stream->quotas, KVS_LOCAL_QUOTA_METADATA_POINTS,
                                         n_fragments, error);
}

static gboolean
start (KvsLocalServer *server, SoupServerMessage *message, JsonObject *args, GError **error)
{
  KvsLocalStream *stream = kvs_local_archive_stream (args, server->store, error);
  KvsLocalRange range;
  g_autoptr (GArray) fragments = NULL;

  if (stream == NULL || !kvs_local_archive_has_retention (stream, error)
      || !kvs_local_fragment_selector_parse (args, &rules, stream, &range, error))
    return FALSE;
  range.is_deduplicated = range.by_producer;
  fragments
    = kvs_local_store_list_range (server->store, stream, &range, MAX_FRAGMENTS, error);
  if (fragments == NULL)
    return FALSE;
  if (fragments->len == 0)
    return refuse_empty (error);
  if (!take_points (server, stream, fragments->len, error))
    return FALSE;
  kvs_local_jobs_start (server, message, run, make_task (fragments, server->store, stream),
                        task_free);
  return TRUE;
}

/**
 * kvs_local_get_clip_start:
 * @server: the server
 * @message: a GetClip request
 * @body: its body
 * @error: where to put an error
 *
 * Returns: whether it is being answered; if not, with a %KVS_LOCAL_ERROR
 */
gboolean
kvs_local_get_clip_start (KvsLocalServer *server, SoupServerMessage *message, GBytes *body,
                          GError **error)
{
  JsonObject *args = kvs_local_args_parse (body, error);
  gboolean ok = args != NULL && start (server, message, args, error);

  g_clear_pointer (&args, json_object_unref);
  return ok;
}
