/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Fragment numbers as the real service makes them (kvs-api.md section 9). */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* 47 digits and a zero byte */
#define KVS_LOCAL_FRAGMENT_NUMBER_CHARS 48

void kvs_local_fragment_number_make (guint64 sequence, gint64 server_ms, guint32 random,
                                     gchar out[KVS_LOCAL_FRAGMENT_NUMBER_CHARS]);

G_END_DECLS
