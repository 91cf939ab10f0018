/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the two sides of KvsFragmentBuffer share: fragment-buffer.c (the source) and
 * fragment-buffer-session.c (the Session). */
#pragma once

#include "stream/fragment-buffer.h"
#include "stream/fragmenter.h"
#include "stream/spool.h"

G_BEGIN_DECLS

/* Throughput is told of a window of this length at least. */
#define KVS_RATE_WINDOW_US (2 * G_USEC_PER_SEC)

struct _KvsFragmentBuffer {
  /* constant */
  guint64 max_bytes;
  gint64 max_ns;
  gint64 max_latency_ns;
  gboolean waits_when_full;
  guint max_unacknowledged;
  KvsMetadata *metadata; /* thread safe */

  GMutex spool_tell_lock; /* taken before the lock, held while trouble is told */
  GMutex lock; /* all that follows; held for microseconds, never across a call out */
  GCond space;
  guint n_waiting_for_space; /* sources */
  KvsFragmenter *fragmenter;
  KvsFragmentRelease release;
  GQueue fragments; /* of KvsFragment, oldest first */
  KvsFragment *open; /* the last one, while frames are added to it */
  gboolean ended;
  gboolean flushing;
  KvsBufferStats stats; /* all but the figures of what is buffered */
  guint64 bytes;
  gint64 media_ns; /* without the pauses between Fragments, which take no room */
  gint64 rate_since_us; /* the window that the throughput is measured in */
  guint64 rate_bytes;

  /* the running Session */
  KvsSegment *segment;
  gsize header_sent_bytes;
  GList *at; /* link of the fragment that is sent next; NULL when all are sent */
  KvsFragmentCursor cursor;
  guint64 unsent_bytes;
  gint64 passed_over_us; /* when an Ack first came for a Fragment after one that has none; 0: never */
  gboolean finish_session;
  gboolean is_read_to_end;
  guint n_sent;         /* Fragments that it has sent */
  guint n_acked;        /* up to which of these there are Acks */
  gint64 hold_until_us; /* the next one waits for an Ack until then, where too many have none */

  /* the reader ran dry and asks to be woken */
  gboolean reader_waits;
  gsize reader_wake_bytes;
  gboolean reader_is_held; /* it waits for an Ack, or for hold_until_us */

  /* what is on disk, if there is a spool */
  KvsSpool *spool;
  KvsSpoolMode spool_mode; /* constant, as the next ones */
  guint64 spool_max_bytes;
  gboolean spool_live_first;
  KvsFragmentBufferEvents events;
  gpointer user_data;
  gboolean spool_is_opening;
  gint64 spool_opening_us; /* since when */
  gboolean spool_is_unread; /* what waits there cannot be read for now, and is not counted */
  gint64 spool_ask_us;      /* when that was tried last */
  gboolean spool_has_trouble; /* as the worker tells */
  gboolean spool_is_behind;   /* too slow, so that it is passed by */
  gboolean spool_trouble_is_told;
  gint64 spool_probe_us;
  gboolean session_is_live; /* it passes by what waits on disk */
  guint64 last_id;
  guint n_waiting;      /* fragments that are on disk alone */
  GList *after_waiting; /* the first one in memory that comes after these; NULL for what is to come */
  guint n_loading;
  gint64 load_asked_us; /* when the last one was asked for */
  guint n_left_since_load; /* that came to be on disk alone since the last one was asked for */
  guint64 raw_bytes;       /* of fragments that were read back */
  guint64 storing_bytes; /* of fragments that will leave memory once they are stored */
  gint64 storing_ns;
};

/* Takes a fragment out, with the lock held; the caller frees it once the lock is given back. */
KvsFragment *kvs_fragment_buffer_unlink (KvsFragmentBuffer *buffer, GList *link);
gint64 kvs_fragment_buffer_media_of (const KvsFragment *fragment);
gboolean kvs_fragment_buffer_is_being_sent (const KvsFragmentBuffer *buffer, const GList *link);
gboolean kvs_fragment_buffer_take_wake (KvsFragmentBuffer *buffer, gboolean now);

/* fragment-buffer-room.c; with the lock held */
gboolean kvs_fragment_buffer_is_full (const KvsFragmentBuffer *buffer);
guint kvs_fragment_buffer_drop_overflow (KvsFragmentBuffer *buffer, GSList **dropped);
void kvs_fragment_buffer_tell_space (KvsFragmentBuffer *buffer);
void kvs_fragment_buffer_tell_read (KvsFragmentBuffer *buffer);

/* fragment-buffer-spool*.c; with the lock held, and all of them may be called without a spool */
void kvs_fragment_buffer_spool_opened_fragment (KvsFragmentBuffer *buffer);
void kvs_fragment_buffer_spool_grown (KvsFragmentBuffer *buffer);
void kvs_fragment_buffer_spool_moved (KvsFragmentBuffer *buffer);
void kvs_fragment_buffer_spool_completed (KvsFragmentBuffer *buffer, KvsFragment *fragment);
void kvs_fragment_buffer_spool_unlinked (KvsFragmentBuffer *buffer, GList *link);
gboolean kvs_fragment_buffer_spool_make_room (KvsFragmentBuffer *buffer, GSList **gone);
gboolean kvs_fragment_buffer_spool_comes_first (KvsFragmentBuffer *buffer);
gboolean kvs_fragment_buffer_spool_wants_border (KvsFragmentBuffer *buffer);
GList *kvs_fragment_buffer_spool_choose_start (KvsFragmentBuffer *buffer);

/* Without the lock. */
void kvs_fragment_buffer_free_list (GSList *fragments);

G_END_DECLS
