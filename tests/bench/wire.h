/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Sees what libcurl gives to TLS: this program's SSL_write() stands before OpenSSL's. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

void bench_wire_watch (const gchar *prefix, guint n_streams, guint n_marks);
gint64 bench_wire_first_media_us (guint stream);
void bench_wire_mark_in (guint stream, guint index);
GArray *bench_wire_latencies_us (guint *n_missing);

G_END_DECLS
