/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the parts of the fragment buffer share that know the disk. All with the lock held, but where
 * it says otherwise. */
#pragma once

#include "stream/fragment-buffer-private.h"

G_BEGIN_DECLS

/* How often a disk that does not work is asked whether it does again. */
#define KVS_SPOOL_PROBE_US (10 * G_USEC_PER_SEC)
/* A spool that takes longer to open than this does not keep live media waiting. */
#define KVS_SPOOL_OPENING_US (5 * G_USEC_PER_SEC)

/* fragment-buffer-spool.c */
gboolean kvs_fragment_buffer_spool_may_write (KvsFragmentBuffer *buffer);
void kvs_fragment_buffer_spool_ask_again (KvsFragmentBuffer *buffer);
void kvs_fragment_buffer_spool_load_ahead (KvsFragmentBuffer *buffer);
void kvs_fragment_buffer_spool_stop_reading (KvsFragmentBuffer *buffer);

/* fragment-buffer-spool-through.c */
void kvs_fragment_buffer_spool_catch_up (KvsFragmentBuffer *buffer);
void kvs_fragment_buffer_spool_forget_open (KvsFragmentBuffer *buffer);

/* fragment-buffer-spool-watch.c */
gboolean kvs_fragment_buffer_spool_is_behind (KvsFragmentBuffer *buffer);
void kvs_fragment_buffer_spool_tell_trouble (KvsFragmentBuffer *buffer, const GError *error);

/* fragment-buffer-spool-room.c */
void kvs_fragment_buffer_spool_store (KvsFragmentBuffer *buffer, KvsFragment *fragment);
void kvs_fragment_buffer_spool_stay (KvsFragmentBuffer *buffer, KvsFragment *fragment);
void kvs_fragment_buffer_spool_hand_over_stored (KvsFragmentBuffer *buffer, GSList **gone);

G_END_DECLS
