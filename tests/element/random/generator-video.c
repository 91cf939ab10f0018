/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "generator.h"

#define MS GENERATOR_MS
#define S GENERATOR_S

/* What a pad's video looks like. */
typedef struct {
  Track *track;
  gint64 frame_ns;
  guint gop_length;
  guint max_b;
  guint delay; /* in frames, from decoding to presentation */
  gboolean is_open_gop;
  gboolean has_dts;
  gboolean has_duration;
  gboolean has_sets;    /* with each key frame */
  guint wrong_flags;    /* percent */
  guint n_decoded;      /* of this stretch */
  gint64 content_ns;    /* where n_decoded counts from */
  guint n_shown;
  gboolean had_key;
} Video;

static void
choose_video (Sequence *sequence, Video *video)
{
  guint fps = video->track->plan->fps;

  video->frame_ns = S / fps;
  video->gop_length = (guint) sequence_choose (sequence, 1, 40);
  video->max_b = sequence_chance (sequence, 60) ? 0 : (guint) sequence_choose (sequence, 1, 4);
  video->delay = video->max_b > 0 ? 1 : 0;
  video->is_open_gop = video->max_b > 0 && sequence_chance (sequence, 40);
  /* Without it a picture that is shown more than a second earlier looks like a loop. */
  video->has_dts = sequence_chance (sequence, 70) || (video->max_b + 1) * video->frame_ns > S / 2;
  video->has_duration = sequence_chance (sequence, 70);
  video->has_sets = sequence_chance (sequence, 50);
  video->wrong_flags = sequence_chance (sequence, 15)
                           ? (guint) sequence_choose (sequence, 10, 101) : 0;
  sequence->pads[video->track->pad].fps = sequence_chance (sequence, 70) ? fps : 0;
}

static void
set_flags (Sequence *sequence, GstBuffer *buffer)
{
  static const GstBufferFlags flags[] = {
    GST_BUFFER_FLAG_HEADER,    GST_BUFFER_FLAG_DISCONT,   GST_BUFFER_FLAG_DECODE_ONLY,
    GST_BUFFER_FLAG_DROPPABLE, GST_BUFFER_FLAG_MARKER,
  };

  for (guint i = 0; i < G_N_ELEMENTS (flags); i++) {
    if (sequence_chance (sequence, 5))
      GST_BUFFER_FLAG_SET (buffer, flags[i]);
  }
  if (!sequence->drops_corrupted && sequence_chance (sequence, 5))
    GST_BUFFER_FLAG_SET (buffer, GST_BUFFER_FLAG_CORRUPTED);
}

typedef struct {
  GstClockTime pts, dts, duration;
  gboolean is_delta;
} BufferTimes;

static void
push_bytes (Video *video, GBytes *bytes, const BufferTimes *times)
{
  Track *track = video->track;
  const Stretch *stretch = &track->plan->stretches[track->stretch];
  GstBuffer *buffer = gst_buffer_new_wrapped_bytes (bytes);

  GST_BUFFER_PTS (buffer) = times->pts;
  GST_BUFFER_DTS (buffer) = times->dts;
  GST_BUFFER_DURATION (buffer) = times->duration;
  set_flags (track->sequence, buffer);
  if (times->is_delta)
    GST_BUFFER_FLAG_SET (buffer, GST_BUFFER_FLAG_DELTA_UNIT);
  sequence_add_step (track->sequence, track->pad, track->at_ns, track->at_ns + stretch->shift_ns,
                     buffer);
}

static void
push_nals (Video *video, const Config *config, GPtrArray *nals, const BufferTimes *times)
{
  GRand *rand = video->track->sequence->rand;

  if (!codec_is_byte_stream (config->codec)) {
    g_autoptr (GBytes) bytes = nals_with_lengths (nals);

    push_bytes (video, bytes, times);
    return;
  }
  if (config->codec != CODEC_H264_NAL) {
    g_autoptr (GBytes) bytes = nals_with_start_codes (nals, rand);

    push_bytes (video, bytes, times);
    return;
  }
  for (guint i = 0; i < nals->len; i++) {
    g_autoptr (GPtrArray) one = g_ptr_array_new ();
    g_autoptr (GBytes) bytes = NULL;

    g_ptr_array_add (one, nals->pdata[i]);
    bytes = nals_with_start_codes (one, rand);
    push_bytes (video, bytes, times);
  }
}

/* An I picture that is not an IDR one is a key frame where it is flagged as such. */
static gboolean
is_key_picture (Codec codec, Picture picture, gboolean is_delta)
{
  if (picture == PICTURE_I)
    return codec_is_h265 (codec) || !is_delta;
  return picture == PICTURE_IDR;
}

/* @shown: its place in display order */
static void
push_picture (Video *video, Picture picture, guint shown, gboolean with_sets)
{
  Track *track = video->track;
  Sequence *sequence = track->sequence;
  Pad *pad = &sequence->pads[track->pad];
  const Config *config = pad->configs->pdata[pad->configs->len - 1];
  const Stretch *stretch = &track->plan->stretches[track->stretch];
  gboolean with_band_sets = with_sets && codec_is_byte_stream (pad->codec);
  guint64 id = sequence->units->len;
  g_autoptr (GPtrArray) nals
      = video_make_nals (config, sequence->rand, id, picture, with_band_sets);
  gboolean is_delta = picture != PICTURE_IDR && picture != PICTURE_I;
  gint64 pts_ns = video->content_ns + (gint64) (shown + video->delay) * video->frame_ns;
  gboolean has_dts = video->has_dts;
  BufferTimes times = { GST_CLOCK_TIME_NONE, GST_CLOCK_TIME_NONE, GST_CLOCK_TIME_NONE, FALSE };
  Unit *unit;

  track->at_ns = video->content_ns + (gint64) video->n_decoded++ * video->frame_ns;
  if (sequence_chance (sequence, video->wrong_flags))
    is_delta = !is_delta;
  times.is_delta = is_delta;
  times.pts = generator_to_timestamp (stretch, pts_ns + stretch->shift_ns);
  if (has_dts)
    times.dts = generator_to_timestamp (stretch, track->at_ns + stretch->shift_ns);
  if (has_dts && video->delay == 0 && sequence_chance (sequence, 5))
    times.pts = GST_CLOCK_TIME_NONE;
  if (video->has_duration)
    times.duration = (GstClockTime) video->frame_ns;
  unit = generator_add_unit (track, id, nals_with_lengths (nals), pts_ns, track->at_ns);
  if (!has_dts)
    unit->dts_ns = unit->pts_ns;
  unit->is_key = is_key_picture (pad->codec, picture, is_delta);
  video->had_key |= unit->is_key;
  unit->before_key = !video->had_key;
  push_nals (video, config, nals, &times);
  generator_add_event (track);
}

/* Buffers of parameter sets alone are no frames. */
static void
push_sets (Video *video)
{
  Track *track = video->track;
  Pad *pad = &track->sequence->pads[track->pad];
  const Config *config = pad->configs->pdata[pad->configs->len - 1];
  g_autoptr (GBytes) bytes = nals_with_start_codes (config->sets, track->sequence->rand);
  const BufferTimes none = { GST_CLOCK_TIME_NONE, GST_CLOCK_TIME_NONE, GST_CLOCK_TIME_NONE, FALSE };

  push_bytes (video, bytes, &none);
}

/* A picture, and the @n_b ones that are shown before it. */
static void
push_mini_gop (Video *video, Picture picture, guint n_b, gboolean with_sets)
{
  guint shown = video->n_shown;

  push_picture (video, picture, shown + n_b, with_sets);
  for (guint i = 0; i < n_b; i++)
    push_picture (video, picture == PICTURE_P ? PICTURE_B : PICTURE_LEADING, shown + i, FALSE);
  video->n_shown += n_b + 1;
}

/* Returns: whether a stretch began that wants a key frame. */
static gboolean
enter_next_stretches (Video *video)
{
  Track *track = video->track;
  gint64 next_ns = video->content_ns + (gint64) video->n_decoded * video->frame_ns;
  gboolean has_key = FALSE;

  while (track->stretch + 1 < track->plan->n_stretches
         && next_ns >= track->plan->stretches[track->stretch + 1].content_ns) {
    generator_enter_stretch (track, track->stretch + 1);
    has_key |= track->plan->stretches[track->stretch].has_key;
  }
  return has_key;
}

static void
begin (Video *video)
{
  Sequence *sequence = video->track->sequence;
  guint n_before_key = sequence_chance (sequence, 15) ? (guint) sequence_choose (sequence, 1, 5) : 0;

  if (sequence_chance (sequence, 10)) {
    video->content_ns = sequence_choose (sequence, 0, 3000) * MS;
    video->track->at_ns = video->content_ns;
  }
  while (n_before_key-- > 0)
    push_mini_gop (video, PICTURE_P, 0, FALSE);
  if (sequence->pads[video->track->pad].codec == CODEC_H264 && sequence_chance (sequence, 30))
    push_sets (video);
}

void
generator_make_video (Track *track)
{
  Sequence *sequence = track->sequence;
  Video video = { .track = track };
  guint n_since_key = 0;
  gboolean needs_key = TRUE;
  guint change_at = sequence_chance (sequence, 12)
                        ? (guint) sequence_choose (sequence, 2, (gint) track->plan->n_pictures)
                        : G_MAXUINT;

  choose_video (sequence, &video);
  begin (&video);
  while (video.n_decoded < track->plan->n_pictures) {
    guint n_b = video.max_b > 0 ? (guint) sequence_choose (sequence, 0, (gint) video.max_b + 1) : 0;
    gboolean changes = video.n_decoded >= change_at;
    gboolean is_new = enter_next_stretches (&video) || needs_key || changes;
    gboolean is_key = is_new || n_since_key >= video.gop_length;
    Picture picture = !is_key                          ? PICTURE_P
                      : !is_new && video.is_open_gop ? PICTURE_I
                                                       : PICTURE_IDR;

    if (changes) {
      change_at = G_MAXUINT;
      track->at_ns = video.content_ns + (gint64) video.n_decoded * video.frame_ns;
      generator_change_config (track);
    }
    push_mini_gop (&video, picture, picture == PICTURE_IDR ? 0 : n_b,
                   is_new || (is_key && video.has_sets));
    n_since_key = is_key ? 0 : n_since_key + 1;
    needs_key = FALSE;
  }
}
