/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A fragment buffer that has a disk, and one Session at a time that reads it. There is one rig, for
 * one test at a time: Check forks for each. */
#pragma once

#include <glib.h>

#include "media.h"
#include "stream/fragment-buffer-private.h"

G_BEGIN_DECLS

#define MS MEDIA_MS
#define S MEDIA_S
#define SIZE 60
#define MIB (1024 * 1024)
#define START (G_GINT64_CONSTANT (1700000000) * S)
#define FRAMES_A_FRAGMENT 4

typedef struct {
  GMutex lock;
  GCond cond;
  gint n_saved, n_wakes, n_full, n_troubles, n_recoveries; /* atomic */
  gboolean holds_worker, worker_is_held;
  gchar *trouble;
} RigEvents;

typedef struct {
  gchar *folder;
  KvsStreamDefinition *definition;
  RigEvents events;
  KvsFragmentBuffer *buffer;
  Wire *wire;
  KvsSegment *segment;
  guint64 n_dropped; /* as the pushes said */
} BufferRig;

extern BufferRig rig;

/* With nothing said, nothing stays in memory that need not. */
void rig_setup (void);
void rig_teardown (void);

/* Its spool is there a moment later. */
void rig_open_buffer (void);
void rig_make_buffer (void);
void rig_set_tracks (void);
void rig_close_buffer (void);
gboolean rig_is_spool_free (gpointer user_data); /* for wait_until() */
/* Another run finds what is on disk. */
void rig_run_again (void);

/* All that the worker was asked for is done, and what it was asked for because of that. */
void rig_settle (void);
/* The worker does nothing until it is let go, as with a slow disk. */
void rig_hold_worker (void);
void rig_let_worker_go (void);
void rig_watch (void);
/* The disk has not done for a minute what it was asked for. */
void rig_let_time_pass (void);
/* The disk is gone: a file stands where the folder was. */
gchar *rig_break_disk (void);
void rig_mend_disk (gchar *aside);
guint rig_count_files (void);

/* Of a stream with a Fragment a second. */
void rig_push_fragments_sized (guint first, guint n, gsize size);
void rig_push_fragments (guint first, guint n);
/* As a source does that is not faster than the disk. */
void rig_push_fragments_slowly (guint first, guint n);
guint64 rig_timecode (guint fragment);

gboolean rig_begin (void);
KvsReadStatus rig_read_some (gsize size);
KvsReadStatus rig_read_all (void);
KvsBufferStats rig_get_stats (void);
/* Fragment @index of the running Session is that one, and whole. */
void rig_assert_cluster_is (guint index, guint fragment);
guint rig_fragment_of (guint index);
/* Sessions as a service that takes everything has them, until there is nothing more to send.
 * Returns: (transfer full): numbers of the Fragments, "|" where a Session began */
gchar *rig_upload_all (void);
gchar *rig_without_borders (const gchar *order);
/* All of these, in order. */
void rig_assert_uploads (guint first, guint last);

G_END_DECLS
