/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A folder for a spool, and Fragments whose every frame can be told after reading them back. */
#pragma once

#include <glib.h>

#include "stream/spool-store.h"

G_BEGIN_DECLS

#define SPOOL_RIG_STREAM "front-door"
#define SPOOL_RIG_EPOCH_MS G_GUINT64_CONSTANT (1787480102120) /* 2026-08-23T10:15:02.120Z */
#define SPOOL_RIG_FRAME_MS 40
/* of what the functions without such parameters write */
#define SPOOL_RIG_FRAMES 5
#define SPOOL_RIG_PAYLOAD_BYTES 1000

typedef struct {
  gchar *folder;
  gchar *stream_folder;
  GBytes *header;
  KvsSpoolLoss loss; /* adds up */
} SpoolRig;

SpoolRig *spool_rig_new (void);
void spool_rig_free (SpoolRig *rig);
KvsSpoolStore *spool_rig_open (SpoolRig *rig, guint64 max_bytes);
KvsSpoolTimes spool_rig_times (guint64 timecode_ms);

/* Frame number n of a Fragment, with the tags and the start of the Cluster before the first. */
GByteArray *spool_rig_frame (guint64 timecode_ms, guint n, gsize payload_bytes);
GByteArray *spool_rig_fragment (guint64 timecode_ms, guint n_frames, gsize payload_bytes);
gboolean spool_rig_append (SpoolRig *rig, KvsSpoolStore *store, guint64 timecode_ms, guint n,
                           gsize payload_bytes, GError **error);
/* Has the disk have for good what was written; what cannot be is taken away. */
gboolean spool_rig_settle (KvsSpoolStore *store, GError **error);
gboolean spool_rig_commit (KvsSpoolStore *store, KvsSpoolEntry *entry, GError **error);
gboolean spool_rig_write (SpoolRig *rig, KvsSpoolStore *store, guint64 timecode_ms, guint n_frames,
                          gsize payload_bytes, GError **error);

/* Counts the frames, each of which has to be whole and in its place. */
guint spool_rig_check_frames (GBytes *fragment, guint64 timecode_ms, gsize payload_bytes);
void spool_rig_assert_holds (KvsSpoolStore *store, const guint64 *timecodes_ms, guint n);
/* With all of the usual size. */
void spool_rig_write_one (SpoolRig *rig, KvsSpoolStore *store, guint64 timecode_ms);
void spool_rig_begin (SpoolRig *rig, KvsSpoolStore *store, guint64 timecode_ms, guint n_frames);
void spool_rig_assert_first_is (KvsSpoolStore *store, guint64 timecode_ms, guint n_frames);

KvsSpoolStats spool_rig_stats (const KvsSpoolStore *store);
gchar *spool_rig_path (SpoolRig *rig, const gchar *name);
guint spool_rig_count_files (SpoolRig *rig, const gchar *below);
GPtrArray *spool_rig_list_files (const gchar *folder);
gchar *spool_rig_only_file (SpoolRig *rig);
void spool_rig_remove_tree (const gchar *path);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (SpoolRig, spool_rig_free)

G_END_DECLS
