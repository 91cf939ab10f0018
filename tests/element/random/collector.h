/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A service that takes all it is sent, has it persisted at once, and keeps it for inspection. */
#pragma once

#include "recording.h"

G_BEGIN_DECLS

typedef struct _Collector Collector;

Collector *collector_new (void);
void collector_free (Collector *collector);
const gchar *collector_get_url (Collector *collector);
guint collector_count_connections (Collector *collector);
GPtrArray *collector_take (Collector *collector, const gchar *stream_name);

G_END_DECLS
