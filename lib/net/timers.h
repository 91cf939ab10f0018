/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The timers of a loop, in the order of their deadlines. For one thread. */
#pragma once

#include "net/loop.h"

G_BEGIN_DECLS

typedef struct _KvsTimers KvsTimers;

KvsTimers *kvs_timers_new (void);
void kvs_timers_free (KvsTimers *timers);
KvsLoopTimer *kvs_timers_add (KvsTimers *timers, gint64 delay_us, KvsLoopFunc func,
                              gpointer user_data);
void kvs_timers_cancel (KvsTimers *timers, KvsLoopTimer *timer);
gint64 kvs_timers_get_next_us (KvsTimers *timers);
gboolean kvs_timers_run_due (KvsTimers *timers);

G_END_DECLS
