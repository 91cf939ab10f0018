/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* KvsTrack: what a TrackEntry of the Matroska header says about one elementary stream. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

#define KVS_CODEC_ID_AVC "V_MPEG4/ISO/AVC"
#define KVS_CODEC_ID_HEVC "V_MPEGH/ISO/HEVC"
#define KVS_CODEC_ID_AAC "A_AAC"
#define KVS_CODEC_ID_MS_ACM "A_MS/ACM"

/* kvs-api.md section 16 */
#define KVS_MAX_TRACKS 3

typedef enum {
  KVS_TRACK_TYPE_VIDEO = 1, /* values of Matroska's TrackType */
  KVS_TRACK_TYPE_AUDIO = 2,
} KvsTrackType;

/**
 * KvsTrack:
 * @number: Matroska track number, 1 to %KVS_MAX_TRACKS
 * @type: video or audio
 * @codec_id: Matroska codec id, such as %KVS_CODEC_ID_AVC
 * @name: (nullable): Matroska track name
 * @codec_private: (nullable): avcC, hvcC, AudioSpecificConfig or WAVEFORMATEX
 * @content_type: (nullable): media type, such as "video/h264"; is not part of the TrackEntry
 * @width: in pixels, after cropping; 0 for audio
 * @height: in pixels, after cropping; 0 for audio
 * @sample_rate: in Hz; 0 for video
 * @channels: 0 for video
 * @bit_depth: of an audio sample, 0 where it does not apply
 */
typedef struct {
  guint number;
  KvsTrackType type;
  gchar *codec_id;
  gchar *name;
  GBytes *codec_private;
  gchar *content_type;
  guint width;
  guint height;
  guint sample_rate;
  guint channels;
  guint bit_depth;
} KvsTrack;

KvsTrack *kvs_track_new (guint number, KvsTrackType type, const gchar *codec_id,
                         const gchar *name, GBytes *codec_private);
KvsTrack *kvs_track_copy (const KvsTrack *track);
gboolean kvs_track_equal (const KvsTrack *a, const KvsTrack *b);
void kvs_track_free (KvsTrack *track);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (KvsTrack, kvs_track_free)

G_END_DECLS
