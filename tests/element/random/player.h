/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Plays a sequence into a kvssink of its own. */
#pragma once

#include "collector.h"
#include "sequence.h"

G_BEGIN_DECLS

/* Where the pipeline's clock and the wall clock stand at running time 0, in sequences with a clock. */
#define PLAYER_EPOCH_NS (G_GINT64_CONSTANT (1700000000) * 1000000000)

/**
 * Result:
 * @recordings: of Recording
 * @stats: of the element, at the end
 * @error: (nullable): what went wrong before anything could be judged
 */
typedef struct {
  GPtrArray *recordings;
  GstStructure *stats;
  gchar *error;
} Result;

Result *player_run (Sequence *sequence, Collector *collector);
void result_free (Result *result);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Result, result_free)

G_END_DECLS
