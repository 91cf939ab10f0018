/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* KvsFileWatch: tells when files changed, came or went. */
#pragma once

#include "net/loop.h"

G_BEGIN_DECLS

typedef struct _KvsFileWatch KvsFileWatch;

KvsFileWatch *kvs_file_watch_new (KvsLoop *loop, const gchar *const *paths, gint64 interval_us,
                                  KvsLoopFunc func, gpointer user_data);
void kvs_file_watch_free (KvsFileWatch *watch);

G_END_DECLS
