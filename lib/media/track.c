/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "media/track.h"

/**
 * kvs_track_new:
 * @number: Matroska track number
 * @type: video or audio
 * @codec_id: Matroska codec id
 * @name: (nullable): track name
 * @codec_private: (nullable): decoder set-up data, referred to
 *
 * Sizes, rates and channels start at 0; set the members that apply.
 *
 * Returns: (transfer full): a new track
 */
KvsTrack *
kvs_track_new (guint number, KvsTrackType type, const gchar *codec_id, const gchar *name,
               GBytes *codec_private)
{
  KvsTrack *track = g_new0 (KvsTrack, 1);

  track->number = number;
  track->type = type;
  track->codec_id = g_strdup (codec_id);
  track->name = g_strdup (name);
  track->codec_private = codec_private != NULL ? g_bytes_ref (codec_private) : NULL;
  return track;
}

/**
 * kvs_track_copy:
 * @track: a track
 *
 * Returns: (transfer full): a track with the same content
 */
KvsTrack *
kvs_track_copy (const KvsTrack *track)
{
  KvsTrack *copy = kvs_track_new (track->number, track->type, track->codec_id, track->name,
                                  track->codec_private);

  copy->content_type = g_strdup (track->content_type);
  copy->width = track->width;
  copy->height = track->height;
  copy->sample_rate = track->sample_rate;
  copy->channels = track->channels;
  copy->bit_depth = track->bit_depth;
  return copy;
}

static gboolean
bytes_equal (GBytes *a, GBytes *b)
{
  if (a == NULL || b == NULL)
    return a == b;
  return g_bytes_equal (a, b);
}

/**
 * kvs_track_equal:
 * @a: a track
 * @b: another
 *
 * Returns: whether both would give the same TrackEntry
 */
gboolean
kvs_track_equal (const KvsTrack *a, const KvsTrack *b)
{
  return a->number == b->number && a->type == b->type && a->width == b->width
         && a->height == b->height && a->sample_rate == b->sample_rate
         && a->channels == b->channels && a->bit_depth == b->bit_depth
         && g_strcmp0 (a->codec_id, b->codec_id) == 0 && g_strcmp0 (a->name, b->name) == 0
         && bytes_equal (a->codec_private, b->codec_private);
}

/**
 * kvs_track_free:
 * @track: (transfer full) (nullable): a track
 */
void
kvs_track_free (KvsTrack *track)
{
  if (track == NULL)
    return;
  g_free (track->codec_id);
  g_free (track->name);
  g_free (track->content_type);
  g_clear_pointer (&track->codec_private, g_bytes_unref);
  g_free (track);
}
