/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The one I/O thread of the process: curl transfers, timers, and calls from other threads. */
#pragma once

#include <curl/curl.h>
#include <glib.h>

G_BEGIN_DECLS

typedef struct _KvsLoop KvsLoop;
typedef struct _KvsLoopTimer KvsLoopTimer;

/**
 * KvsLoopFunc:
 * @user_data: what was given with it
 *
 * Runs on the I/O thread; must not block.
 */
typedef void (*KvsLoopFunc) (gpointer user_data);

/**
 * KvsLoopTransferFunc:
 * @result: how the transfer ended
 * @user_data: what was given with it
 *
 * Runs on the I/O thread, outside of any libcurl callback, after the transfer was taken from the loop.
 */
typedef void (*KvsLoopTransferFunc) (CURLcode result, gpointer user_data);

KvsLoop *kvs_loop_acquire (void);
KvsLoop *kvs_loop_ref (KvsLoop *loop);
void kvs_loop_release (KvsLoop *loop);
void kvs_loop_hold_exit (KvsLoop *loop);
void kvs_loop_unhold_exit (KvsLoop *loop);
gboolean kvs_loop_is_current (KvsLoop *loop);
void kvs_loop_invoke (KvsLoop *loop, KvsLoopFunc func, gpointer user_data);

gpointer kvs_loop_shared (KvsLoop *loop, const gchar *key, gpointer (*make) (KvsLoop *loop),
                          GDestroyNotify destroy);

KvsLoopTimer *kvs_loop_add_timer (KvsLoop *loop, gint64 delay_us, KvsLoopFunc func,
                                  gpointer user_data);
KvsLoopTimer *kvs_loop_add_shared_timer (KvsLoop *loop, gint64 delay_us, gint64 grid_us,
                                         KvsLoopFunc func, gpointer user_data);
void kvs_loop_cancel_timer (KvsLoop *loop, KvsLoopTimer **timer);

gboolean kvs_loop_add_transfer (KvsLoop *loop, CURL *easy, KvsLoopTransferFunc func,
                                gpointer user_data);
void kvs_loop_remove_transfer (KvsLoop *loop, CURL *easy);
void kvs_loop_set_gathering (KvsLoop *loop, CURL *easy, gboolean gathering);
void kvs_loop_set_patient (KvsLoop *loop, CURL *easy, gboolean patient);
gboolean kvs_loop_has_peer_ended (KvsLoop *loop, CURL *easy);

G_END_DECLS
