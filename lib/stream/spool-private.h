/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the parts of KvsSpool share: spool.c (what is asked of it, from any thread) and spool-worker.c
 * (what is done about it). */
#pragma once

#include "stream/spool.h"

G_BEGIN_DECLS

typedef enum {
  TASK_OPEN,
  TASK_STORE,
  TASK_BEGIN,
  TASK_APPEND,
  TASK_COMMIT,
  TASK_REMOVE,
  TASK_RELEASE,
  TASK_LOAD,
  TASK_PROBE,
  TASK_SYNC,
} KvsSpoolTaskKind;

typedef struct {
  KvsSpoolTaskKind kind;
  guint64 id;
  KvsFragment *fragment; /* for TASK_STORE */
  KvsSegment *segment;   /* for TASK_BEGIN */
  guint64 timecode;
  guint n_frames; /* for TASK_RELEASE */
  GBytes *bytes;  /* for TASK_APPEND */
  KvsSpoolPiece piece;
  gsize pending_bytes;
} KvsSpoolTask;

struct _KvsSpool {
  gatomicrefcount refs; /* one for the owner, one for each task */

  /* constant */
  gchar *folder;
  gchar *stream_name;
  guint64 max_bytes;
  gint64 timecode_scale_ns;
  GThreadPool *pool; /* one thread at a time, which GLib lends */

  GMutex event_lock; /* held during events */
  gboolean closed;
  KvsSpoolEvents events;
  gpointer user_data;

  GMutex lock; /* the next two */
  gsize pending_bytes;
  KvsSpoolStats stats;

  /* the worker alone */
  KvsSpoolStore *store; /* NULL while it cannot be opened */
  guint troubles; /* what does not work, in spool-worker.c */
  GHashTable *held;    /* id -> KvsSpoolEntry: what memory has too */
  GHashTable *holders; /* sequence -> id */
  KvsSpoolEntry newest;
  guint64 growing_id; /* 0 for none */
  KvsSegment *last_segment; /* of what was read back last, */
  guint64 last_timecode;    /* and its timecode */
};

/* Does one task; on the worker. Frees the task and lets go of the reference that came with it. */
void kvs_spool_run_task (gpointer task, gpointer spool);
void kvs_spool_unref (KvsSpool *spool);

G_END_DECLS
