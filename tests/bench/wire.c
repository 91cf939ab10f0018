/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "wire.h"

#include <dlfcn.h>
#include <string.h>

#include "clip-source.h"

#define REQUEST "POST /putMedia "
#define NAME_HEADER "x-amzn-stream-name: "
#define END_OF_HEAD "\r\n\r\n"

struct ssl_st;
typedef int (*WriteFunc) (struct ssl_st *ssl, const void *data, int size);

static struct {
  GMutex lock;
  const gchar *prefix;
  guint n_streams;
  guint n_marks;
  GHashTable *streams;  /* struct ssl_st * -> number of its stream plus one */
  gint64 *first_us;     /* by stream */
  gint64 *in_us;        /* by stream and frame */
  gint64 *out_us;
} wire;

/**
 * bench_wire_watch:
 * @prefix: of the names of the streams, which their numbers follow
 * @n_marks: frames a stream whose marks are looked for; 0 for none
 *
 * To be called once, before anything is sent.
 */
void
bench_wire_watch (const gchar *prefix, guint n_streams, guint n_marks)
{
  wire.prefix = prefix;
  wire.n_streams = n_streams;
  wire.n_marks = n_marks;
  wire.streams = g_hash_table_new (NULL, NULL);
  wire.first_us = g_new0 (gint64, n_streams);
  wire.in_us = g_new0 (gint64, (gsize) n_streams * n_marks);
  wire.out_us = g_new0 (gint64, (gsize) n_streams * n_marks);
}

/* The number at the end of the stream's name in the head of a request */
static gboolean
find_stream (const gchar *data, gsize size, guint *stream)
{
  const gchar *name = memmem (data, size, NAME_HEADER, strlen (NAME_HEADER));
  gsize prefix_bytes = strlen (wire.prefix);

  if (name == NULL)
    return FALSE;
  name += strlen (NAME_HEADER);
  if ((gsize) (data + size - name) < prefix_bytes + 2
      || memcmp (name, wire.prefix, prefix_bytes) != 0)
    return FALSE;
  *stream = (guint) g_ascii_strtoull (name + prefix_bytes, NULL, 10);
  return *stream < wire.n_streams;
}

static void
take_head (struct ssl_st *ssl, const gchar *data, gsize size, gint64 now_us)
{
  const gchar *end;
  guint stream;

  if (!find_stream (data, size, &stream))
    return;
  end = memmem (data, size, END_OF_HEAD, strlen (END_OF_HEAD));
  g_hash_table_insert (wire.streams, ssl, GUINT_TO_POINTER (stream + 1));
  if (end != NULL && end + strlen (END_OF_HEAD) < data + size && wire.first_us[stream] == 0)
    wire.first_us[stream] = now_us;
}

static void
take_marks (const guint8 *data, gsize size, gint64 now_us)
{
  const guint8 *end = data + size;
  const guint8 *found;

  while ((found = memmem (data, (gsize) (end - data), BENCH_MARK, strlen (BENCH_MARK))) != NULL
         && end - found >= BENCH_MARK_BYTES) {
    guint32 stream, index;

    memcpy (&stream, found + 8, sizeof stream);
    memcpy (&index, found + 12, sizeof index);
    if (stream < wire.n_streams && index < wire.n_marks)
      wire.out_us[(gsize) stream * wire.n_marks + index] = now_us;
    data = found + BENCH_MARK_BYTES;
  }
}

static void
take (struct ssl_st *ssl, const void *data, gsize size)
{
  gint64 now_us = g_get_monotonic_time ();
  guint stream;

  g_mutex_lock (&wire.lock);
  if (size > strlen (REQUEST) && memcmp (data, REQUEST, strlen (REQUEST)) == 0) {
    take_head (ssl, data, size, now_us);
  } else {
    stream = GPOINTER_TO_UINT (g_hash_table_lookup (wire.streams, ssl));
    if (stream != 0 && wire.first_us[stream - 1] == 0)
      wire.first_us[stream - 1] = now_us;
  }
  g_mutex_unlock (&wire.lock);
  if (wire.n_marks > 0)
    take_marks (data, size, now_us);
}

/* OpenSSL comes with the plugin, and is not among the libraries that RTLD_NEXT knows. */
static WriteFunc
find_real_write (void)
{
  static gsize real;

  if (g_once_init_enter (&real)) {
    void *library = dlopen ("libssl.so.3", RTLD_NOW | RTLD_NOLOAD);
    gpointer symbol = library != NULL ? dlsym (library, "SSL_write") : NULL;

    if (symbol == NULL)
      g_error ("libssl.so.3 is not there");
    g_once_init_leave (&real, GPOINTER_TO_SIZE (symbol));
  }
  return (WriteFunc) real;
}

__attribute__ ((visibility ("default"))) int SSL_write (struct ssl_st *ssl, const void *data,
                                                        int size);

int
SSL_write (struct ssl_st *ssl, const void *data, int size)
{
  int written = find_real_write () (ssl, data, size);

  if (written > 0 && wire.streams != NULL)
    take (ssl, data, (gsize) written);
  return written;
}

/**
 * bench_wire_first_media_us:
 *
 * Returns: monotonic time at which TLS had taken the first bytes of the stream's media, 0 before
 */
gint64
bench_wire_first_media_us (guint stream)
{
  gint64 first_us;

  g_mutex_lock (&wire.lock);
  first_us = wire.first_us[stream];
  g_mutex_unlock (&wire.lock);
  return first_us;
}

/**
 * bench_wire_mark_in:
 *
 * A marked frame goes into the sink now.
 */
void
bench_wire_mark_in (guint stream, guint index)
{
  if (stream < wire.n_streams && index < wire.n_marks)
    wire.in_us[(gsize) stream * wire.n_marks + index] = g_get_monotonic_time ();
}

static gint
compare (gconstpointer a, gconstpointer b)
{
  const gint64 *x = a, *y = b;

  return *x < *y ? -1 : *x > *y;
}

/**
 * bench_wire_latencies_us:
 * @n_missing: (out): marks that went in and were not seen in one piece
 *
 * To be called when all has ended. Frames that came while the stream's upload was not open yet do not
 * count: how long that takes is bench_wire_first_media_us().
 *
 * Returns: (transfer full) (element-type gint64): from the sink to TLS, each frame, sorted
 */
GArray *
bench_wire_latencies_us (guint *n_missing)
{
  GArray *latencies = g_array_new (FALSE, FALSE, sizeof (gint64));

  *n_missing = 0;
  for (gsize i = 0; i < (gsize) wire.n_streams * wire.n_marks; i++) {
    gint64 latency_us = wire.out_us[i] - wire.in_us[i];

    if (wire.in_us[i] == 0 || wire.in_us[i] < wire.first_us[i / wire.n_marks])
      continue;
    if (wire.out_us[i] == 0)
      ++*n_missing;
    else
      g_array_append_val (latencies, latency_us);
  }
  g_array_sort (latencies, compare);
  return latencies;
}
