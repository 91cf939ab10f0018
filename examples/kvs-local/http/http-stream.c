/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "http/http-stream.h"

#include <string.h>

typedef struct {
  GFilterInputStream parent;
  GByteArray *unread;
  gint64 request_us; /* when the first byte of the request came, 0 before */
  gboolean is_greeting; /* @request_us is when a handshake began that may be over, or not */
} HttpInput;

typedef struct {
  GFilterInputStreamClass parent_class;
} HttpInputClass;

struct _KvsLocalHttpStream {
  GIOStream parent;
  GIOStream *base;
  HttpInput *input;
};

static GType http_input_get_type (void);
static void http_input_pollable_init (GPollableInputStreamInterface *iface);

G_DEFINE_TYPE_WITH_CODE (HttpInput, http_input, G_TYPE_FILTER_INPUT_STREAM,
                         G_IMPLEMENT_INTERFACE (G_TYPE_POLLABLE_INPUT_STREAM,
                                                http_input_pollable_init))
G_DEFINE_TYPE (KvsLocalHttpStream, kvs_local_http_stream, G_TYPE_IO_STREAM)

/* How much is read of what the other side sent in vain */
#define MAX_DRAINED_BYTES (1024 * 1024)

static GPollableInputStream *
pollable_base (HttpInput *input)
{
  return G_POLLABLE_INPUT_STREAM (G_FILTER_INPUT_STREAM (input)->base_stream);
}

static gssize
take_unread (HttpInput *input, void *buffer, gsize size)
{
  gsize taken = MIN (size, input->unread->len);

  if (taken > 0) {
    memcpy (buffer, input->unread->data, taken);
    g_byte_array_remove_range (input->unread, 0, (guint) taken);
  }
  return (gssize) taken;
}

static gssize
note_time (HttpInput *input, gssize size)
{
  if (size > 0 && (input->request_us == 0 || input->is_greeting)) {
    input->request_us = g_get_monotonic_time ();
    input->is_greeting = FALSE;
  }
  return size;
}

static gssize
http_input_read (GInputStream *stream, void *buffer, gsize size, GCancellable *cancellable,
                 GError **error)
{
  HttpInput *input = (HttpInput *) stream;

  if (input->unread->len > 0)
    return take_unread (input, buffer, size);
  return note_time (input, g_input_stream_read (G_FILTER_INPUT_STREAM (input)->base_stream, buffer,
                                                size, cancellable, error));
}

static gssize
http_input_read_nonblocking (GPollableInputStream *stream, void *buffer, gsize size,
                             GError **error)
{
  HttpInput *input = (HttpInput *) stream;

  if (input->unread->len > 0)
    return take_unread (input, buffer, size);
  return note_time (input, g_pollable_input_stream_read_nonblocking (pollable_base (input), buffer,
                                                                     size, NULL, error));
}

static gboolean
http_input_is_readable (GPollableInputStream *stream)
{
  HttpInput *input = (HttpInput *) stream;

  return input->unread->len > 0 || g_pollable_input_stream_is_readable (pollable_base (input));
}

static GSource *
http_input_create_source (GPollableInputStream *stream, GCancellable *cancellable)
{
  HttpInput *input = (HttpInput *) stream;
  g_autoptr (GSource) child
    = input->unread->len > 0 ? g_timeout_source_new (0)
                             : g_pollable_input_stream_create_source (pollable_base (input), NULL);

  return g_pollable_source_new_full (stream, child, cancellable);
}

static void
http_input_finalize (GObject *object)
{
  g_byte_array_unref (((HttpInput *) object)->unread);
  G_OBJECT_CLASS (http_input_parent_class)->finalize (object);
}

static void
http_input_init (HttpInput *input)
{
  input->unread = g_byte_array_new ();
}

static void
http_input_class_init (HttpInputClass *class)
{
  G_OBJECT_CLASS (class)->finalize = http_input_finalize;
  G_INPUT_STREAM_CLASS (class)->read_fn = http_input_read;
}

static void
http_input_pollable_init (GPollableInputStreamInterface *iface)
{
  iface->is_readable = http_input_is_readable;
  iface->create_source = http_input_create_source;
  iface->read_nonblocking = http_input_read_nonblocking;
}

static GInputStream *
http_stream_get_input (GIOStream *io)
{
  return G_INPUT_STREAM (KVS_LOCAL_HTTP_STREAM (io)->input);
}

static GOutputStream *
http_stream_get_output (GIOStream *io)
{
  return g_io_stream_get_output_stream (KVS_LOCAL_HTTP_STREAM (io)->base);
}

/* A socket that is closed with something left to read resets the connection, and the client may lose
 * the answer that says what was wrong. */
static void
drain (KvsLocalHttpStream *stream)
{
  gchar buffer[16384];
  gsize n_drained = 0;
  gssize size = 1;

  while (size > 0 && n_drained < MAX_DRAINED_BYTES) {
    size = g_pollable_input_stream_read_nonblocking (pollable_base (stream->input), buffer,
                                                     sizeof buffer, NULL, NULL);
    n_drained += size > 0 ? (gsize) size : 0;
  }
}

static gboolean
http_stream_close (GIOStream *io, GCancellable *cancellable, GError **error)
{
  drain (KVS_LOCAL_HTTP_STREAM (io));
  return g_io_stream_close (KVS_LOCAL_HTTP_STREAM (io)->base, cancellable, error);
}

static void
on_base_closed (GObject *base, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  GError *error = NULL;

  if (g_io_stream_close_finish (G_IO_STREAM (base), result, &error))
    g_task_return_boolean (task, TRUE);
  else
    g_task_return_error (task, error);
}

static void
http_stream_close_async (GIOStream *io, int priority, GCancellable *cancellable,
                         GAsyncReadyCallback callback, gpointer user_data)
{
  GTask *task = g_task_new (io, cancellable, callback, user_data);

  drain (KVS_LOCAL_HTTP_STREAM (io));
  g_io_stream_close_async (KVS_LOCAL_HTTP_STREAM (io)->base, priority, cancellable, on_base_closed,
                           task);
}

static gboolean
http_stream_close_finish (GIOStream *io, GAsyncResult *result, GError **error)
{
  return g_task_propagate_boolean (G_TASK (result), error);
}

static void
http_stream_finalize (GObject *object)
{
  KvsLocalHttpStream *stream = KVS_LOCAL_HTTP_STREAM (object);

  g_object_unref (stream->input);
  g_object_unref (stream->base);
  G_OBJECT_CLASS (kvs_local_http_stream_parent_class)->finalize (object);
}

static void
kvs_local_http_stream_init (KvsLocalHttpStream *stream)
{
}

static void
kvs_local_http_stream_class_init (KvsLocalHttpStreamClass *class)
{
  GIOStreamClass *io_class = G_IO_STREAM_CLASS (class);

  G_OBJECT_CLASS (class)->finalize = http_stream_finalize;
  io_class->get_input_stream = http_stream_get_input;
  io_class->get_output_stream = http_stream_get_output;
  io_class->close_fn = http_stream_close;
  io_class->close_async = http_stream_close_async;
  io_class->close_finish = http_stream_close_finish;
}

/**
 * kvs_local_http_stream_new:
 * @base: a stream whose two halves are pollable
 *
 * Returns: (transfer full): a stream that closes @base when it is closed
 */
GIOStream *
kvs_local_http_stream_new (GIOStream *base)
{
  KvsLocalHttpStream *stream = g_object_new (KVS_LOCAL_TYPE_HTTP_STREAM, NULL);

  stream->base = g_object_ref (base);
  stream->input = g_object_new (http_input_get_type (), "base-stream",
                                g_io_stream_get_input_stream (base), "close-base-stream", FALSE,
                                NULL);
  return G_IO_STREAM (stream);
}

/**
 * kvs_local_http_stream_start_greeting:
 * @stream: a stream of which nothing was read
 *
 * Until the first request begins to come, the time of the handshake counts in its place.
 */
void
kvs_local_http_stream_start_greeting (KvsLocalHttpStream *stream)
{
  stream->input->request_us = g_get_monotonic_time ();
  stream->input->is_greeting = TRUE;
}

/**
 * kvs_local_http_stream_start_request:
 * @stream: a stream
 *
 * What is read next belongs to another request.
 */
void
kvs_local_http_stream_start_request (KvsLocalHttpStream *stream)
{
  stream->input->request_us = stream->input->unread->len > 0 ? g_get_monotonic_time () : 0;
}

/**
 * kvs_local_http_stream_get_request_us:
 * @stream: a stream
 *
 * Returns: when the request began to come, in us of the monotonic clock; 0 if it has not
 */
gint64
kvs_local_http_stream_get_request_us (KvsLocalHttpStream *stream)
{
  return stream->input->request_us;
}

/**
 * kvs_local_http_stream_unread:
 * @stream: a stream
 * @data: (array length=size): bytes that were read last from it
 * @size: their number
 *
 * Has them read again.
 */
void
kvs_local_http_stream_unread (KvsLocalHttpStream *stream, const guint8 *data, gsize size)
{
  g_byte_array_prepend (stream->input->unread, data, (guint) size);
}
