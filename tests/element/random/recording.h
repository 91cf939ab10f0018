/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What came over one connection, read without a look at lib/mkv. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

#define RECORDING_MAX_TRACKS 3
#define RECORDING_TYPE_VIDEO 1
#define RECORDING_TYPE_AUDIO 2

typedef struct {
  guint64 number;
  guint64 type;
  guint64 uid;
  gchar *codec_id;
  gchar *name;
  GBytes *codec_private; /* nullable */
  guint64 width;
  guint64 height;
  gdouble sample_rate;
  guint64 channels;
  guint64 bit_depth;
} RecordedTrack;

/**
 * RecordedBlock: @time is absolute, in timecode units; @offset is what stood in the block.
 */
typedef struct {
  guint64 track;
  gint64 time;
  gint offset;
  gboolean is_key;
  GBytes *payload;
} RecordedBlock;

typedef struct {
  guint64 timecode;
  gsize size;
  guint n_tags; /* of the Tags before it */
  GArray *blocks; /* of RecordedBlock */
} RecordedCluster;

/**
 * Recording:
 * @scale_ns: TimecodeScale
 * @tracks: of RecordedTrack
 * @clusters: of RecordedCluster
 * @n_answered: for the one who acknowledges them
 * @is_whole: whether the request came to its end
 * @error: the first thing that is not as Matroska, or the service, wants it
 */
typedef struct {
  guint64 scale_ns;
  GPtrArray *tracks;
  GPtrArray *clusters;
  guint n_answered;
  gboolean is_whole;
  gboolean is_over; /* for the one who writes it: nothing more will come */
  gchar *error;

  /* private */
  GByteArray *pending;
  guint stage;
  guint n_tags;
} Recording;

Recording *recording_new (void);
void recording_free (Recording *recording);
void recording_push (Recording *recording, const guint8 *data, gsize size);
void recording_end (Recording *recording);
const RecordedTrack *recording_find_track (const Recording *recording, guint64 number);
void recording_fail (Recording *recording, const gchar *format, ...) G_GNUC_PRINTF (2, 3);

G_END_DECLS
