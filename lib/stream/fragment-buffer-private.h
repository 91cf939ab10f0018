/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the two sides of KvsFragmentBuffer share: fragment-buffer.c (the source) and
 * fragment-buffer-session.c (the Session). */
#pragma once

#include "stream/fragment-buffer.h"
#include "stream/fragmenter.h"

G_BEGIN_DECLS

struct _KvsFragmentBuffer {
  /* constant */
  guint64 max_bytes;
  gint64 max_ns;
  gboolean waits_when_full;
  KvsMetadata *metadata; /* thread safe */

  GMutex lock; /* all that follows; held for microseconds, never across a call out */
  GCond space;
  KvsFragmenter *fragmenter;
  KvsFragmentRelease release;
  GQueue fragments; /* of KvsFragment, oldest first */
  KvsFragment *open; /* the last one, while frames are added to it */
  gboolean ended;
  gboolean flushing;
  KvsBufferStats stats; /* all but the figures of what is buffered */
  guint64 bytes;
  gint64 media_ns; /* without the pauses between Fragments, which take no room */

  /* the running Session */
  KvsSegment *segment;
  gsize header_sent_bytes;
  GList *at; /* link of the fragment that is sent next; NULL when all are sent */
  KvsFragmentCursor cursor;
  guint64 unsent_bytes;
  gboolean finish_session;

  /* the reader ran dry and asks to be woken */
  gboolean reader_waits;
  gsize reader_wake_bytes;
};

/* Takes a fragment out, with the lock held; the caller frees it once the lock is given back. */
KvsFragment *kvs_fragment_buffer_unlink (KvsFragmentBuffer *buffer, GList *link);
/* Without the lock. */
void kvs_fragment_buffer_free_list (GSList *fragments);

G_END_DECLS
