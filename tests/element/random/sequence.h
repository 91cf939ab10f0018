/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is pushed into a kvssink, and what is known of it. */
#pragma once

#include "codecs.h"

G_BEGIN_DECLS

#define MAX_PADS 3

/**
 * Unit: what has to be stored as one frame.
 * @payload: as it has to be stored
 * @config: of its pad
 * @pts_ns: running time
 * @stretch: frames of one stretch keep their distances
 * @is_key: whether decoding can start there
 * @may_vanish: whether a flush may have swallowed it
 * @before_key: whether its pad has had no key frame before
 * @n_stored: how often it came
 */
typedef struct {
  guint64 id;
  guint pad;
  guint index; /* among those of its pad */
  guint config;
  GBytes *payload;
  gint64 pts_ns;
  gint64 dts_ns;
  guint stretch;
  gboolean is_key;
  gboolean may_vanish;
  gboolean before_key;
  guint n_stored;
} Unit;

/**
 * Step: one push.
 * @at_ns: media time, by which the pads' steps are put in order
 * @running_ns: running time by then
 * @object: (transfer full): buffer or event
 */
typedef struct {
  gint64 at_ns;
  gint64 running_ns;
  gint64 wall_step_ns;
  GstMiniObject *object;
} Step;

typedef struct {
  Codec codec;
  guint fps; /* of the caps, 0 for none */
  GPtrArray *configs; /* of Config */
  GArray *steps;      /* of Step */
  guint n_units;
} Pad;

typedef enum {
  ORDER_BY_TIME, /* one thread */
  ORDER_CHUNKS,  /* one thread; one pad runs ahead, then another one */
  ORDER_THREADS, /* a thread a pad */
} Order;

/**
 * Sequence:
 * @is_steady: no jump that a live stream may be moved for: times have one distance from running time
 * @keeps_time: stretches alone have that
 * @has_time_lines: time goes back
 * @is_legal: else what the model says of units is not true
 */
typedef struct {
  guint32 seed;
  GRand *rand;
  GPtrArray *units; /* of Unit */
  Pad pads[MAX_PADS];
  guint n_pads;
  Order order;

  gboolean is_offline;
  gboolean is_absolute;
  gboolean key_frame_fragmentation;
  gboolean by_arrival;
  gboolean drops_corrupted;
  gboolean has_clock;
  guint scale_ms;
  guint fragment_ms;
  guint track_timeout_ms;
  guint64 file_start_s;

  gboolean is_steady;
  gboolean keeps_time;
  gboolean has_config_changes;
  gboolean has_time_lines;
  gboolean is_legal;
} Sequence;

Sequence *sequence_new (guint32 seed);
void sequence_free (Sequence *sequence);
void sequence_make_legal (Sequence *sequence);
void sequence_make_illegal (Sequence *sequence);

gboolean sequence_chance (Sequence *sequence, guint percent);
gint sequence_choose (Sequence *sequence, gint from, gint to);
void sequence_add_pad (Sequence *sequence, Codec codec);
Config *sequence_add_config (Sequence *sequence, guint pad, guint variant);
void sequence_add_step (Sequence *sequence, guint pad, gint64 at_ns, gint64 running_ns,
                        gpointer object);
guint sequence_find_lead (const Sequence *sequence);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Sequence, sequence_free)

G_END_DECLS
