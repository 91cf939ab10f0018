/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A fragmenter, and what it made, read back from its bytes. */
#pragma once

#include "media.h"
#include "stream/fragmenter.h"

G_BEGIN_DECLS

/**
 * Line: what one Session would carry.
 */
typedef struct {
  KvsSegment *segment;
  Wire *wire;
} Line;

/**
 * Rig:
 * @verdicts: of each frame: 'o'pen, 'f'orced open, 'a'dd, 'n'ot decodable
 */
typedef struct {
  KvsStreamDefinition *definition;
  KvsFragmenter *fragmenter;
  GPtrArray *lines; /* of Line */
  GString *verdicts;
  guint64 next_id;
} Rig;

Rig *rig_new (void);
void rig_begin (Rig *rig);
void rig_free (Rig *rig);
void rig_set_tracks (Rig *rig);
KvsFragmenterVerdict rig_push (Rig *rig, gboolean is_key, gint64 pts_ns, gint64 duration_ns,
                               gsize size);
const WireCluster *rig_cluster (Rig *rig, guint line, guint cluster);
const WireBlock *rig_block (Rig *rig, guint line, guint cluster, guint block);
guint rig_count_clusters (Rig *rig, guint line);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Rig, rig_free)

G_END_DECLS
