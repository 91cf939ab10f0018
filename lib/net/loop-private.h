/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What loop.c (one turn after the other) and loop-process.c (who holds the one of the process) share. */
#pragma once

#include "net/loop-shared.h"
#include "net/loop.h"
#include "net/timers.h"
#include "net/transfers.h"

G_BEGIN_DECLS

struct _KvsLoop {
  /* any thread, under shared_lock */
  guint n_refs;
  guint n_exit_holds;

  /* any thread, under lock */
  GMutex lock;
  GQueue invocations; /* of Invocation */
  gboolean quit;

  /* constant once the thread runs */
  GThread *thread;
  GThread *predecessor; /* of an earlier loop, which nobody has joined yet */
  int epoll_fd;
  int wake_fd;

  /* the I/O thread alone */
  KvsTransfers *transfers;
  KvsTimers *timers;
  KvsLoopShared *shared;
};

/* On the thread of its own. */
void kvs_loop_run (KvsLoop *loop);

/* Any thread. */
void kvs_loop_ask_to_quit (KvsLoop *loop);

G_END_DECLS
