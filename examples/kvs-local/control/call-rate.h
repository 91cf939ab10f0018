/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How often the control plane may be called about a stream (kvs-api.md section 16). */
#pragma once

#include <glib.h>

#include "store/stream.h"

G_BEGIN_DECLS

gboolean kvs_local_call_rate_take (KvsLocalStream *stream, guint calls_per_second, gint64 now_us,
                                   GError **error);

G_END_DECLS
