/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Layout: kvs-api.md section 8; elements: RFC 9559. */
#include "mkv/muxer.h"

#include "mkv/ebml-writer.h"
#include "mkv/mkv-ids.h"

#define APP_NAME "kvssink " KVS_VERSION

/* SimpleBlock needs version 2 of a reader; 4 is what RFC 9559 describes. */
#define DOC_TYPE_VERSION 4
#define DOC_TYPE_READ_VERSION 2

/* RFC 9559 section 10.2 */
#define BLOCK_FLAG_KEY_FRAME 0x80
#define BLOCK_FLAG_INVISIBLE 0x08
#define BLOCK_FLAG_DISCARDABLE 0x01

/* the largest track number that takes one byte */
#define MAX_TRACK_NUMBER 126

static void
append_ebml_header (GByteArray *out)
{
  g_autoptr (GByteArray) header = g_byte_array_new ();

  kvs_ebml_append_uint (header, KVS_MKV_ID_EBML_VERSION, 1);
  kvs_ebml_append_uint (header, KVS_MKV_ID_EBML_READ_VERSION, 1);
  kvs_ebml_append_uint (header, KVS_MKV_ID_EBML_MAX_ID_LENGTH, KVS_EBML_ID_MAX_BYTES);
  kvs_ebml_append_uint (header, KVS_MKV_ID_EBML_MAX_SIZE_LENGTH, KVS_EBML_SIZE_MAX_BYTES);
  kvs_ebml_append_string (header, KVS_MKV_ID_DOC_TYPE, "matroska");
  kvs_ebml_append_uint (header, KVS_MKV_ID_DOC_TYPE_VERSION, DOC_TYPE_VERSION);
  kvs_ebml_append_uint (header, KVS_MKV_ID_DOC_TYPE_READ_VERSION, DOC_TYPE_READ_VERSION);
  kvs_ebml_append_master (out, KVS_MKV_ID_EBML, header);
}

static void
append_info (GByteArray *out, guint64 timecode_scale_ns, const guint8 *segment_uid)
{
  g_autoptr (GByteArray) info = g_byte_array_new ();

  kvs_ebml_append_binary (info, KVS_MKV_ID_SEGMENT_UID, segment_uid, KVS_MKV_SEGMENT_UID_BYTES);
  kvs_ebml_append_uint (info, KVS_MKV_ID_TIMECODE_SCALE, timecode_scale_ns);
  kvs_ebml_append_string (info, KVS_MKV_ID_MUXING_APP, APP_NAME);
  kvs_ebml_append_string (info, KVS_MKV_ID_WRITING_APP, APP_NAME);
  kvs_ebml_append_master (out, KVS_MKV_ID_INFO, info);
}

/* Without a known size there is no Video: 0 is not allowed in it, and players read the avcC. */
static void
append_video (GByteArray *out, const KvsTrack *track)
{
  g_autoptr (GByteArray) video = NULL;

  if (track->width == 0 || track->height == 0)
    return;
  video = g_byte_array_new ();
  kvs_ebml_append_uint (video, KVS_MKV_ID_PIXEL_WIDTH, track->width);
  kvs_ebml_append_uint (video, KVS_MKV_ID_PIXEL_HEIGHT, track->height);
  kvs_ebml_append_master (out, KVS_MKV_ID_VIDEO, video);
}

static void
append_audio (GByteArray *out, const KvsTrack *track)
{
  g_autoptr (GByteArray) audio = NULL;

  if (track->sample_rate == 0 || track->channels == 0)
    return;
  audio = g_byte_array_new ();
  kvs_ebml_append_float (audio, KVS_MKV_ID_SAMPLING_FREQUENCY, track->sample_rate);
  kvs_ebml_append_uint (audio, KVS_MKV_ID_CHANNELS, track->channels);
  if (track->bit_depth != 0)
    kvs_ebml_append_uint (audio, KVS_MKV_ID_BIT_DEPTH, track->bit_depth);
  kvs_ebml_append_master (out, KVS_MKV_ID_AUDIO, audio);
}

static void
append_track (GByteArray *out, const KvsTrack *track)
{
  g_autoptr (GByteArray) entry = g_byte_array_new ();

  kvs_ebml_append_uint (entry, KVS_MKV_ID_TRACK_NUMBER, track->number);
  /* must differ between the tracks of a Segment and never be 0, as the number does */
  kvs_ebml_append_uint (entry, KVS_MKV_ID_TRACK_UID, track->number);
  kvs_ebml_append_uint (entry, KVS_MKV_ID_TRACK_TYPE, track->type);
  kvs_ebml_append_uint (entry, KVS_MKV_ID_FLAG_LACING, 0);
  /* absent would mean English */
  kvs_ebml_append_string (entry, KVS_MKV_ID_LANGUAGE, "und");
  kvs_ebml_append_string (entry, KVS_MKV_ID_CODEC_ID, track->codec_id);
  if (track->name != NULL && track->name[0] != '\0')
    kvs_ebml_append_string (entry, KVS_MKV_ID_NAME, track->name);
  if (track->codec_private != NULL) {
    gsize size;
    gconstpointer data = g_bytes_get_data (track->codec_private, &size);

    kvs_ebml_append_binary (entry, KVS_MKV_ID_CODEC_PRIVATE, data, size);
  }
  if (track->type == KVS_TRACK_TYPE_VIDEO)
    append_video (entry, track);
  else
    append_audio (entry, track);
  kvs_ebml_append_master (out, KVS_MKV_ID_TRACK_ENTRY, entry);
}

/**
 * kvs_mkv_header_new:
 * @tracks: (array length=n_tracks): the tracks, each with a number of its own
 * @n_tracks: 1 to %KVS_MAX_TRACKS
 * @timecode_scale_ns: nanoseconds of one unit of a timecode
 * @segment_uid: not all zero
 *
 * Writes the beginning of a session: EBML header, a Segment without size, Info and Tracks. Tags and
 * Clusters follow it. Equal arguments give equal bytes.
 *
 * Safe from any thread.
 *
 * Returns: (transfer full): the bytes
 */
GBytes *
kvs_mkv_header_new (const KvsTrack *const *tracks, guint n_tracks, guint64 timecode_scale_ns,
                    const guint8 segment_uid[KVS_MKV_SEGMENT_UID_BYTES])
{
  GByteArray *out = g_byte_array_sized_new (512);
  g_autoptr (GByteArray) entries = g_byte_array_new ();

  append_ebml_header (out);
  kvs_ebml_append_unknown_size (out, KVS_MKV_ID_SEGMENT);
  append_info (out, timecode_scale_ns, segment_uid);
  for (guint i = 0; i < n_tracks; i++)
    append_track (entries, tracks[i]);
  kvs_ebml_append_master (out, KVS_MKV_ID_TRACKS, entries);
  return g_byte_array_free_to_bytes (out);
}

/**
 * kvs_mkv_write_cluster_start:
 * @out: room for %KVS_MKV_CLUSTER_START_MAX_BYTES
 * @timecode: of the Cluster, in units of the timecode scale
 *
 * Begins a Cluster without size, which ends where the next Cluster or Tags begin. The unknown size
 * takes one byte, ff, as AWS's own producers write it for their Clusters.
 *
 * Safe from any thread.
 *
 * Returns: how many bytes were written
 */
gsize
kvs_mkv_write_cluster_start (guint8 *out, guint64 timecode)
{
  gsize n = kvs_ebml_put_id (out, KVS_MKV_ID_CLUSTER);

  out[n++] = 0xff;
  n += kvs_ebml_put_id (out + n, KVS_MKV_ID_TIMECODE);
  n += kvs_ebml_put_uint (out + n, timecode);
  return n;
}

/**
 * kvs_mkv_write_simple_block_start:
 * @out: room for %KVS_MKV_SIMPLE_BLOCK_MAX_BYTES
 * @track_number: 1 to 126
 * @relative_timecode: presentation time less the Cluster's timecode, in units of the timecode
 *   scale; below 0 for pictures that are shown before the Cluster's first one
 * @flags: of the frame
 * @payload_bytes: how much payload follows
 *
 * Writes what stands before the payload of one frame, RFC 9559 section 10.2. No lacing.
 *
 * Safe from any thread.
 *
 * Returns: how many bytes were written
 */
gsize
kvs_mkv_write_simple_block_start (guint8 *out, guint track_number, gint16 relative_timecode,
                                  KvsFrameFlags flags, gsize payload_bytes)
{
  guint16 timecode = (guint16) relative_timecode;
  guint8 block_flags = 0;
  gsize n;

  g_return_val_if_fail (track_number >= 1 && track_number <= MAX_TRACK_NUMBER, 0);

  if ((flags & KVS_FRAME_FLAG_KEY_FRAME) != 0)
    block_flags |= BLOCK_FLAG_KEY_FRAME;
  if ((flags & KVS_FRAME_FLAG_INVISIBLE) != 0)
    block_flags |= BLOCK_FLAG_INVISIBLE;
  if ((flags & KVS_FRAME_FLAG_DISCARDABLE) != 0)
    block_flags |= BLOCK_FLAG_DISCARDABLE;
  n = kvs_ebml_put_id (out, KVS_MKV_ID_SIMPLE_BLOCK);
  n += kvs_ebml_put_size (out + n, (guint64) payload_bytes + KVS_MKV_SIMPLE_BLOCK_HEAD_BYTES);
  out[n++] = (guint8) (0x80 | track_number);
  out[n++] = (guint8) (timecode >> 8);
  out[n++] = (guint8) timecode;
  out[n++] = block_flags;
  return n;
}

/**
 * kvs_mkv_tags_new:
 * @tags: (array length=n_tags): names and values, in order
 * @n_tags: how many
 *
 * Writes a Tags element with one Tag that has a SimpleTag for each pair. It stands between
 * Clusters and ends the one before it. There is no Targets, which means the whole Segment, as the
 * service's own tags have none.
 *
 * Safe from any thread.
 *
 * Returns: (transfer full): the bytes
 */
GBytes *
kvs_mkv_tags_new (const KvsMkvTag *tags, guint n_tags)
{
  GByteArray *out = g_byte_array_new ();
  g_autoptr (GByteArray) tag = g_byte_array_new ();
  g_autoptr (GByteArray) all = g_byte_array_new ();

  for (guint i = 0; i < n_tags; i++) {
    g_autoptr (GByteArray) simple = g_byte_array_new ();

    kvs_ebml_append_string (simple, KVS_MKV_ID_TAG_NAME, tags[i].name);
    kvs_ebml_append_string (simple, KVS_MKV_ID_TAG_STRING, tags[i].value);
    kvs_ebml_append_master (tag, KVS_MKV_ID_SIMPLE_TAG, simple);
  }
  kvs_ebml_append_master (all, KVS_MKV_ID_TAG, tag);
  kvs_ebml_append_master (out, KVS_MKV_ID_TAGS, all);
  return g_byte_array_free_to_bytes (out);
}
