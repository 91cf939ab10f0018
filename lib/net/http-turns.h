/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* KvsHttpTurns: how many short calls go to one host at a time, so that those of many streams that
 * start together share a few connections instead of opening one each: a TLS handshake costs more than
 * a second of upload. */
#pragma once

#include "net/loop.h"

G_BEGIN_DECLS

typedef struct _KvsHttpHost KvsHttpHost;

/**
 * KvsHttpTurn:
 *
 * The place of one call. Zeroed before the first use; it must not move.
 */
typedef struct {
  KvsLoop *loop;
  KvsHttpHost *host;
  GList link; /* among those that wait */
  gboolean is_waiting;
  KvsLoopTimer *timer;
  KvsLoopFunc start;
  gpointer user_data;
} KvsHttpTurn;

gboolean kvs_http_turn_take (KvsHttpTurn *turn, KvsLoop *loop, const gchar *url, KvsLoopFunc start,
                             gpointer user_data);
void kvs_http_turn_leave (KvsHttpTurn *turn);

G_END_DECLS
