/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the parts of the generator of legal sequences share: generator.c (settings, times and events),
 * generator-video.c and generator-audio.c. */
#pragma once

#include "sequence.h"

G_BEGIN_DECLS

#define GENERATOR_MS G_GINT64_CONSTANT (1000000)
#define GENERATOR_S G_GINT64_CONSTANT (1000000000)

#define MAX_STRETCHES 5

/**
 * Stretch: where media time and running time keep their distance.
 * @content_ns: media time at which it begins; that never jumps
 * @shift_ns: from there to running time
 * @has_key: whether video begins it with a key frame
 */
typedef struct {
  gint64 content_ns;
  gint64 shift_ns;
  gboolean has_segment;
  gboolean has_flush;
  gboolean has_key;
  gint rate;
  gint64 start_ns;
  gint64 base_ns;
  gint64 segment_offset_ns;
} Stretch;

typedef struct {
  Stretch stretches[MAX_STRETCHES];
  guint n_stretches;
  guint fps;
  guint n_pictures;
  gint64 length_ns;
  guint32 flush_seqnum;
} Plan;

/**
 * Track: one pad while its steps are made.
 * @at_ns: media time of the next buffer, by decoding time
 * @last: the last unit of this stretch
 */
typedef struct {
  Sequence *sequence;
  const Plan *plan;
  guint pad;
  guint stretch;
  gint64 at_ns;
  gboolean with_size;
  Unit *last;
} Track;

GstClockTime generator_to_timestamp (const Stretch *stretch, gint64 running_ns);
void generator_enter_stretch (Track *track, guint index);
void generator_change_config (Track *track);
void generator_add_event (Track *track);
void generator_add_gap (Track *track, gint64 until_ns);
void generator_make_video (Track *track);
void generator_make_audio (Track *track);
Unit *generator_add_unit (Track *track, guint64 id, GBytes *payload, gint64 pts_ns, gint64 dts_ns);

G_END_DECLS
