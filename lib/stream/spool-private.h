/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the parts of KvsSpool share: spool.c (what is asked of it, from any thread) and those that
 * run on its worker. */
#pragma once

#include "stream/spool.h"
#include "stream/spool-turn.h"

G_BEGIN_DECLS

typedef enum {
  KVS_SPOOL_TASK_OPEN,
  KVS_SPOOL_TASK_STORE,
  KVS_SPOOL_TASK_BEGIN,
  KVS_SPOOL_TASK_APPEND,
  KVS_SPOOL_TASK_COMMIT,
  KVS_SPOOL_TASK_REMOVE,
  KVS_SPOOL_TASK_RELEASE,
  KVS_SPOOL_TASK_LOAD,
  KVS_SPOOL_TASK_PROBE,
  KVS_SPOOL_TASK_SETTLED,
  KVS_SPOOL_TASK_SYNC,
  KVS_SPOOL_TASK_SYNCED,
} KvsSpoolTaskKind;

/* Each ends by itself: a full disk can be read. */
typedef enum {
  KVS_SPOOL_TROUBLE_READING = 1 << 0,
  KVS_SPOOL_TROUBLE_WRITING = 1 << 1,
} KvsSpoolTrouble;

typedef struct {
  KvsSpoolTaskKind kind;
  guint64 id;
  KvsFragment *fragment; /* for KVS_SPOOL_TASK_STORE */
  KvsSegment *segment;   /* for KVS_SPOOL_TASK_BEGIN */
  guint64 timecode;
  guint n_frames; /* for KVS_SPOOL_TASK_RELEASE */
  GBytes *bytes;  /* for KVS_SPOOL_TASK_APPEND */
  KvsSpoolPiece piece;
  KvsSpoolPart *part; /* for KVS_SPOOL_TASK_SETTLED, as the next ones */
  guint n_failures;   /* as it was when that was written */
  gboolean good;
  GError *error;
  gsize pending_bytes;
  gint64 asked_us; /* on the monotonic clock */
} KvsSpoolTask;

struct _KvsSpool {
  gatomicrefcount refs; /* one for the owner, one for each task */

  /* constant */
  gchar *folder;
  gchar *stream_name;
  guint64 max_bytes;
  gint64 timecode_scale_ns;
  KvsSpoolTurn *turn;
  GThreadPool *pool; /* one thread at a time, which GLib lends: the worker */
  GThreadPool *settle_pool; /* another one, while something is settled */

  GMutex event_lock; /* held during events */
  gboolean closed;
  KvsSpoolEvents events;
  gpointer user_data;

  GMutex lock; /* the next ones */
  gsize pending_bytes;
  guint n_pending;
  gint64 oldest_us; /* when the oldest of these was asked for */
  gint64 settling_since_us; /* when what is being settled was asked for; 0: nothing is */
  KvsSpoolStats stats;

  /* the worker alone */
  KvsSpoolStore *store; /* NULL while it cannot be opened */
  guint troubles; /* KvsSpoolTrouble: what does not work */
  guint n_failures;
  GHashTable *held;    /* id -> KvsSpoolEntry: what memory has too */
  GHashTable *holders; /* sequence -> id */
  guint generation;   /* of what the store lists */
  guint64 growing_id; /* 0 for none */
  KvsSegment *last_segment; /* of what was read back last, */
  guint64 last_timecode;    /* and its timecode */
};

/* Does one task; on the worker. Frees the task and lets go of the reference that came with it. */
void kvs_spool_run_task (gpointer task, gpointer spool);
void kvs_spool_run_settle (gpointer task, gpointer spool);
void kvs_spool_push_task (KvsSpool *spool, KvsSpoolTask *task);
void kvs_spool_push_settle (KvsSpool *spool, KvsSpoolTask *task);
void kvs_spool_unref (KvsSpool *spool);

/* All that follow: on the worker. */

/* spool-events.c */
gboolean kvs_spool_begin_events (KvsSpool *spool);
void kvs_spool_end_events (KvsSpool *spool);
void kvs_spool_tell_trouble (KvsSpool *spool, KvsSpoolTrouble trouble, const GError *error);
void kvs_spool_tell_stored (KvsSpool *spool, guint64 id, gboolean good);
void kvs_spool_tell_synced (KvsSpool *spool);
void kvs_spool_tell_lost (KvsSpool *spool, guint n_fragments, guint n_frames);
void kvs_spool_tell_evicted (KvsSpool *spool, GArray *ids, gboolean spool_was_full);
void kvs_spool_tell_opened (KvsSpool *spool);

/* spool-held.c */
void kvs_spool_hold (KvsSpool *spool, guint64 id, const KvsSpoolEntry *entry);
void kvs_spool_let_go (KvsSpool *spool, guint64 id);
GArray *kvs_spool_let_go_of_missing (KvsSpool *spool, guint64 *n_frames);

/* spool-settle.c */
void kvs_spool_settle_all (KvsSpool *spool);
void kvs_spool_sync_later (KvsSpool *spool);
void kvs_spool_run_settled (KvsSpool *spool, KvsSpoolTask *task);

/* spool-read.c */
void kvs_spool_read_next (KvsSpool *spool);

G_END_DECLS
