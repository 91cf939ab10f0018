/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A stream around a client's connection that takes back bytes which were read too early. */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

#define KVS_LOCAL_TYPE_HTTP_STREAM (kvs_local_http_stream_get_type ())
G_DECLARE_FINAL_TYPE (KvsLocalHttpStream, kvs_local_http_stream, KVS_LOCAL, HTTP_STREAM, GIOStream)

GIOStream *kvs_local_http_stream_new (GIOStream *base);
void kvs_local_http_stream_start_greeting (KvsLocalHttpStream *stream);
void kvs_local_http_stream_start_request (KvsLocalHttpStream *stream);
gint64 kvs_local_http_stream_get_request_us (KvsLocalHttpStream *stream);
void kvs_local_http_stream_unread (KvsLocalHttpStream *stream, const guint8 *data, gsize size);

G_END_DECLS
