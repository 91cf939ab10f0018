/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Work that may block, such as reading a file, away from the I/O thread. */
#pragma once

#include <glib.h>

#include "net/loop.h"

G_BEGIN_DECLS

void kvs_worker_run (KvsLoop *loop, GThreadFunc work, GThreadFunc done, gpointer user_data);

G_END_DECLS
