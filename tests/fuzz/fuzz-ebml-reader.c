/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A Matroska stream. Read in one piece and byte by byte, the same must come out; what is given to
 * the callbacks must be the input, byte for byte. */
#include "fuzz.h"

#include <string.h>

#include "mkv/ebml-reader.h"

typedef struct {
  GByteArray *bytes;
  GString *events;
  guint depth;
} Seen;

static gboolean
on_start (const KvsEbmlElement *element, gpointer user_data, GError **error)
{
  Seen *seen = user_data;

  g_assert_cmpuint (element->level, <=, KVS_EBML_READER_MAX_DEPTH);
  g_assert_cmpuint (element->offset, ==, seen->bytes->len);
  g_byte_array_append (seen->bytes, element->header, (guint) element->header_size);
  g_string_append_printf (seen->events, "<%x %x %" G_GUINT64_FORMAT, element->id,
                          element->parent_id, element->size);
  seen->depth++;
  return TRUE;
}

static gboolean
on_data (const KvsEbmlElement *element, const guint8 *data, gsize size, gpointer user_data,
         GError **error)
{
  Seen *seen = user_data;

  g_byte_array_append (seen->bytes, data, (guint) size);
  return TRUE;
}

static gboolean
on_end (const KvsEbmlElement *element, const guint8 *payload, gsize payload_size,
        gpointer user_data, GError **error)
{
  Seen *seen = user_data;

  g_assert_cmpuint (payload_size, <=, KVS_EBML_READER_MAX_PAYLOAD_BYTES);
  g_assert_cmpuint (seen->depth, >, 0);
  seen->depth--;
  g_string_append_printf (seen->events, ">%x", element->id);
  for (gsize i = 0; i < payload_size; i++)
    g_string_append_printf (seen->events, "%02x", payload[i]);
  return TRUE;
}

static const KvsEbmlReaderFuncs funcs = { on_start, on_data, on_end };

static gboolean
read_all (const guint8 *data, gsize size, gsize step, Seen *seen)
{
  g_autoptr (KvsEbmlReader) reader = kvs_ebml_reader_new (&funcs, seen);

  for (gsize at = 0; at < size; at += step) {
    if (!kvs_ebml_reader_push (reader, data + at, MIN (step, size - at), NULL))
      return FALSE;
  }
  return kvs_ebml_reader_finish (reader, NULL);
}

int
LLVMFuzzerTestOneInput (const guint8 *data, gsize size)
{
  Seen whole = { g_byte_array_new (), g_string_new (NULL), 0 };
  Seen split = { g_byte_array_new (), g_string_new (NULL), 0 };
  gboolean good = read_all (data, size, MAX (size, 1), &whole);

  g_assert_cmpint (read_all (data, size, 1, &split), ==, good);
  g_assert_cmpstr (whole.events->str, ==, split.events->str);
  g_assert_cmpuint (whole.bytes->len, <=, size);
  g_assert_true (whole.bytes->len == 0 || memcmp (whole.bytes->data, data, whole.bytes->len) == 0);
  if (good) {
    g_assert_cmpuint (whole.bytes->len, ==, size);
    g_assert_cmpuint (whole.depth, ==, 0);
  }
  g_string_free (whole.events, TRUE);
  g_string_free (split.events, TRUE);
  g_byte_array_unref (whole.bytes);
  g_byte_array_unref (split.bytes);
  return 0;
}
