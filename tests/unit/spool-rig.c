/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "spool-rig.h"

#include <check.h>
#include <glib/gstdio.h>
#include <string.h>

#include "media.h"
#include "mkv/muxer.h"

static const guint8 segment_uid[KVS_MKV_SEGMENT_UID_BYTES] = { 1, 2, 3 };

SpoolRig *
spool_rig_new (void)
{
  SpoolRig *rig = g_new0 (SpoolRig, 1);
  g_autoptr (KvsTrack) track = media_track_new ();
  const KvsTrack *tracks[] = { track };

  rig->folder = g_dir_make_tmp ("kvs-spool-XXXXXX", NULL);
  ck_assert_ptr_nonnull (rig->folder);
  rig->stream_folder = g_build_filename (rig->folder, SPOOL_RIG_STREAM, NULL);
  rig->header = kvs_mkv_header_new (tracks, 1, MEDIA_MS, segment_uid);
  return rig;
}

void
spool_rig_remove_tree (const gchar *path)
{
  g_autoptr (GPtrArray) names = NULL;

  if (g_file_test (path, G_FILE_TEST_IS_DIR) && !g_file_test (path, G_FILE_TEST_IS_SYMLINK)) {
    names = spool_rig_list_files (path);
    for (guint i = 0; i < names->len; i++) {
      g_autofree gchar *below = g_build_filename (path, g_ptr_array_index (names, i), NULL);

      spool_rig_remove_tree (below);
    }
  }
  g_remove (path);
}

void
spool_rig_free (SpoolRig *rig)
{
  spool_rig_remove_tree (rig->folder);
  g_free (rig->folder);
  g_free (rig->stream_folder);
  g_bytes_unref (rig->header);
  g_free (rig);
}

KvsSpoolStore *
spool_rig_open (SpoolRig *rig, guint64 max_bytes)
{
  g_autoptr (GError) error = NULL;
  KvsSpoolStore *store = kvs_spool_store_open (rig->folder, SPOOL_RIG_STREAM, max_bytes, &error);

  ck_assert_msg (store != NULL, "%s", error != NULL ? error->message : "no error");
  spool_rig_settle (store, NULL);
  return store;
}

KvsSpoolTimes
spool_rig_times (guint64 timecode_ms)
{
  return (KvsSpoolTimes) {
    .absolute = TRUE,
    .segment_start_ns = 12345,
    .timecode_scale_ns = MEDIA_MS,
    .timecode = timecode_ms,
  };
}

static guint64
frame_id (guint64 timecode_ms, guint n)
{
  return timecode_ms * 1000 + n;
}

GByteArray *
spool_rig_frame (guint64 timecode_ms, guint n, gsize payload_bytes)
{
  static const KvsMkvTag tag = { "place", "door" };
  g_autoptr (GBytes) tags = kvs_mkv_tags_new (&tag, 1);
  g_autoptr (GBytes) payload = media_payload_new (frame_id (timecode_ms, n), n == 0, payload_bytes);
  GByteArray *out = g_byte_array_new ();
  guint8 start[MAX (KVS_MKV_CLUSTER_START_MAX_BYTES, KVS_MKV_SIMPLE_BLOCK_MAX_BYTES)];

  if (n == 0) {
    g_byte_array_append (out, g_bytes_get_data (tags, NULL), (guint) g_bytes_get_size (tags));
    g_byte_array_append (out, start, (guint) kvs_mkv_write_cluster_start (start, timecode_ms));
  }
  g_byte_array_append (
      out, start,
      (guint) kvs_mkv_write_simple_block_start (
          start, 1, (gint16) (n * SPOOL_RIG_FRAME_MS),
          n == 0 ? KVS_FRAME_FLAG_KEY_FRAME : KVS_FRAME_FLAG_NONE, payload_bytes));
  g_byte_array_append (out, g_bytes_get_data (payload, NULL), (guint) payload_bytes);
  return out;
}

GByteArray *
spool_rig_fragment (guint64 timecode_ms, guint n_frames, gsize payload_bytes)
{
  GByteArray *out = g_byte_array_new ();

  for (guint i = 0; i < n_frames; i++) {
    g_autoptr (GByteArray) frame = spool_rig_frame (timecode_ms, i, payload_bytes);

    g_byte_array_append (out, frame->data, frame->len);
  }
  return out;
}

/* In slices of which some are empty. */
static void
slice (const GByteArray *bytes, KvsSlice slices[3])
{
  slices[0] = (KvsSlice) { bytes->data, bytes->len / 3 };
  slices[1] = (KvsSlice) { NULL, 0 };
  slices[2] = (KvsSlice) { bytes->data + bytes->len / 3, bytes->len - bytes->len / 3 };
}

gboolean
spool_rig_append (SpoolRig *rig, KvsSpoolStore *store, guint64 timecode_ms, guint n,
                  gsize payload_bytes, GError **error)
{
  g_autoptr (GByteArray) frame = spool_rig_frame (timecode_ms, n, payload_bytes);
  gint64 start_ms = (gint64) timecode_ms + n * SPOOL_RIG_FRAME_MS;
  KvsSlice slices[3];
  const KvsSpoolPiece piece = {
    slices, 3, start_ms * MEDIA_MS, (start_ms + SPOOL_RIG_FRAME_MS) * MEDIA_MS, 1, 1 << 1,
  };

  slice (frame, slices);
  return kvs_spool_store_append (store, &piece, &rig->loss, error);
}

gboolean
spool_rig_settle (KvsSpoolStore *store, GError **error)
{
  gboolean good = TRUE;
  KvsSpoolPart *part;

  while ((part = kvs_spool_store_take_unsettled (store)) != NULL) {
    if (kvs_spool_part_settle (part, good ? error : NULL)) {
      kvs_spool_part_free (part);
      continue;
    }
    kvs_spool_store_remove (store, kvs_spool_part_get_entry (part), NULL);
    kvs_spool_part_abandon (part);
    good = FALSE;
  }
  return good;
}

gboolean
spool_rig_commit (KvsSpoolStore *store, KvsSpoolEntry *entry, GError **error)
{
  return kvs_spool_store_commit (store, entry, error) && spool_rig_settle (store, error);
}

gboolean
spool_rig_write (SpoolRig *rig, KvsSpoolStore *store, guint64 timecode_ms, guint n_frames,
                 gsize payload_bytes, GError **error)
{
  g_autoptr (GByteArray) bytes = spool_rig_fragment (timecode_ms, n_frames, payload_bytes);
  KvsSpoolTimes times = spool_rig_times (timecode_ms);
  gint64 start_ms = (gint64) timecode_ms;
  gint64 end_ms = start_ms + n_frames * SPOOL_RIG_FRAME_MS;
  KvsSlice slices[3];
  const KvsSpoolPiece piece
      = { slices, 3, start_ms * MEDIA_MS, end_ms * MEDIA_MS, n_frames, 1 << 1 };

  slice (bytes, slices);
  return kvs_spool_store_write (store, rig->header, &times, &piece, NULL, &rig->loss, error)
         && spool_rig_settle (store, error);
}

guint
spool_rig_check_frames (GBytes *fragment, guint64 timecode_ms, gsize payload_bytes)
{
  gsize size;
  const guint8 *data = g_bytes_get_data (fragment, &size);
  gsize at = 0;

  for (guint n = 0;; n++) {
    g_autoptr (GByteArray) frame = NULL;

    if (at == size)
      return n;
    frame = spool_rig_frame (timecode_ms, n, payload_bytes);
    ck_assert_msg (frame->len <= size - at, "frame %u is cut", n);
    ck_assert_msg (memcmp (data + at, frame->data, frame->len) == 0, "frame %u is damaged", n);
    at += frame->len;
  }
}

void
spool_rig_assert_holds (KvsSpoolStore *store, const guint64 *timecodes_ms, guint n)
{
  KvsSpoolEntry entry = { 0 };

  for (guint i = 0; i < n; i++) {
    g_autoptr (GError) error = NULL;
    g_autoptr (KvsSpoolFragment) fragment = NULL;

    ck_assert_msg (kvs_spool_store_next (store, i == 0 ? NULL : &entry, &entry), "only %u", i);
    fragment = kvs_spool_store_read (store, &entry, &error);
    ck_assert_msg (fragment != NULL, "%s", error != NULL ? error->message : "no error");
    ck_assert_uint_eq (fragment->record.times.timecode, timecodes_ms[i]);
  }
  ck_assert (!kvs_spool_store_next (store, n == 0 ? NULL : &entry, &entry));
}

static gint
compare_names (gconstpointer a, gconstpointer b)
{
  return strcmp (*(const gchar *const *) a, *(const gchar *const *) b);
}

/* All names in a folder, sorted; none if there is no folder. */
GPtrArray *
spool_rig_list_files (const gchar *folder)
{
  GPtrArray *names = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  const gchar *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    g_ptr_array_add (names, g_strdup (name));
  g_ptr_array_sort (names, compare_names);
  return names;
}

/* The path of the one file besides the lock. */
gchar *
spool_rig_only_file (SpoolRig *rig)
{
  g_autoptr (GPtrArray) names = spool_rig_list_files (rig->stream_folder);

  ck_assert_uint_eq (names->len, 2);
  ck_assert_str_eq (g_ptr_array_index (names, 0), ".stream");
  return g_build_filename (rig->stream_folder, g_ptr_array_index (names, 1), NULL);
}

KvsSpoolStats
spool_rig_stats (const KvsSpoolStore *store)
{
  KvsSpoolStats stats;

  kvs_spool_store_get_stats (store, &stats);
  return stats;
}

void
spool_rig_write_one (SpoolRig *rig, KvsSpoolStore *store, guint64 timecode_ms)
{
  g_autoptr (GError) error = NULL;

  ck_assert_msg (spool_rig_write (rig, store, timecode_ms, SPOOL_RIG_FRAMES,
                                  SPOOL_RIG_PAYLOAD_BYTES, &error),
                 "%s", error != NULL ? error->message : "");
}

void
spool_rig_begin (SpoolRig *rig, KvsSpoolStore *store, guint64 timecode_ms, guint n_frames)
{
  g_autoptr (GError) error = NULL;
  KvsSpoolTimes times = spool_rig_times (timecode_ms);

  ck_assert_msg (kvs_spool_store_begin (store, rig->header, &times, &error), "%s",
                 error != NULL ? error->message : "");
  for (guint n = 0; n < n_frames; n++)
    ck_assert (spool_rig_append (rig, store, timecode_ms, n, SPOOL_RIG_PAYLOAD_BYTES, NULL));
}

gchar *
spool_rig_path (SpoolRig *rig, const gchar *name)
{
  return g_build_filename (rig->stream_folder, name, NULL);
}

guint
spool_rig_count_files (SpoolRig *rig, const gchar *below)
{
  g_autofree gchar *folder = spool_rig_path (rig, below);
  g_autoptr (GPtrArray) names = spool_rig_list_files (folder);

  return names->len;
}

void
spool_rig_assert_first_is (KvsSpoolStore *store, guint64 timecode_ms, guint n_frames)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (KvsSpoolFragment) fragment = NULL;
  KvsSpoolEntry entry;

  ck_assert (kvs_spool_store_next (store, NULL, &entry));
  fragment = kvs_spool_store_read (store, &entry, &error);
  ck_assert_msg (fragment != NULL, "%s", error != NULL ? error->message : "");
  ck_assert_uint_eq (fragment->record.times.timecode, timecode_ms);
  ck_assert_uint_eq (fragment->record.extent.n_frames, n_frames);
  ck_assert_uint_eq (entry.n_frames, n_frames);
  ck_assert_uint_eq (spool_rig_check_frames (fragment->bytes, timecode_ms, SPOOL_RIG_PAYLOAD_BYTES),
                     n_frames);
}
