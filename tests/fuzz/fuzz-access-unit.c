/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The first byte says how: the codec, the format, the NAL units of a buffer, and whether the bytes
 * that follow are a byte stream to be cut into buffers or one buffer as it is. No byte may be lost,
 * and where access units begin must not depend on the buffers. */
#include "fuzz.h"

#include <string.h>

#include "media/access-unit.h"

#define H265 0x01
#define LENGTHS 0x02
#define LENGTH_SIZE_SHIFT 2 /* 2 bits */
#define N_SHIFT 4           /* 2 bits */
#define ENDS 0x40
#define AS_IT_IS 0x80

typedef struct {
  KvsAccessUnitGatherer *gatherer;
  guint length_size; /* 0 with start codes */
  GByteArray *in;
  GByteArray *out;
  GArray *sizes; /* of the access units */
} Run;

static void
run_init (Run *run, guint8 how)
{
  guint8 avcc[] = { 1, 66, 0, 10, 0xfc, 0xe0, 0 };
  g_autoptr (GBytes) codec_data = NULL;
  KvsVideoCodec codec = (how & H265) != 0 ? KVS_VIDEO_CODEC_H265 : KVS_VIDEO_CODEC_H264;
  gboolean is_byte_stream = (how & LENGTHS) == 0;

  run->length_size = is_byte_stream ? 0 : 4;
  if (!is_byte_stream && codec == KVS_VIDEO_CODEC_H264) {
    run->length_size = 1 + (how >> LENGTH_SIZE_SHIFT & 3u);
    avcc[4] |= (guint8) (run->length_size - 1);
    codec_data = g_bytes_new (avcc, sizeof avcc);
  }
  run->gatherer = kvs_access_unit_gatherer_new (codec, is_byte_stream, codec_data, NULL);
  g_assert_nonnull (run->gatherer);
  run->in = g_byte_array_new ();
  run->out = g_byte_array_new ();
  run->sizes = g_array_new (FALSE, FALSE, sizeof (gsize));
}

static void
run_clear (Run *run)
{
  kvs_access_unit_gatherer_free (run->gatherer);
  g_byte_array_unref (run->in);
  g_byte_array_unref (run->out);
  g_array_unref (run->sizes);
}

static void
check_nals (const Run *run, const KvsAccessUnit *unit, const guint8 *data, gsize size)
{
  gsize end = 0;

  g_assert_cmpuint (unit->n_nals, >, 0);
  for (guint i = 0; i < unit->n_nals; i++) {
    const KvsNalUnit *nal = &unit->nals[i];
    gsize before = run->length_size > 0 ? run->length_size : 3;

    g_assert_cmpuint (nal->size, >, 0);
    g_assert_cmpuint (nal->offset, >=, end + before);
    g_assert_cmpuint (nal->offset, <=, size);
    g_assert_cmpuint (nal->size, <=, size - nal->offset);
    if (run->length_size == 0)
      g_assert_cmpint (memcmp (data + nal->offset - 3, "\0\0\1", 3), ==, 0);
    end = nal->offset + nal->size;
  }
}

static void
take (Run *run)
{
  KvsAccessUnit unit;

  while (kvs_access_unit_gatherer_pop (run->gatherer, &unit)) {
    gsize size;
    const guint8 *data = g_bytes_get_data (unit.bytes, &size);

    g_assert_cmpuint (size, >, 0);
    check_nals (run, &unit, data, size);
    g_assert_cmpuint (unit.any_flags & unit.picture_flags, ==, unit.picture_flags);
    g_byte_array_append (run->out, data, (guint) size);
    g_array_append_val (run->sizes, size);
    kvs_access_unit_clear (&unit);
  }
}

static gboolean
push (Run *run, GByteArray *buffer, gboolean is_last)
{
  g_autoptr (GBytes) bytes = g_bytes_new (buffer->data, buffer->len);
  g_autoptr (GError) error = NULL;
  const KvsAccessUnitTag tag = { run->in->len, run->in->len, 1, 1u << (run->in->len & 7u) };
  gboolean good = kvs_access_unit_gatherer_push (run->gatherer, bytes, &tag, is_last, &error);

  g_assert_cmpint (good, ==, error == NULL);
  if (good)
    g_byte_array_append (run->in, buffer->data, buffer->len);
  take (run);
  return good;
}

static void
finish (Run *run)
{
  kvs_access_unit_gatherer_finish (run->gatherer);
  take (run);
  g_assert_cmpuint (run->in->len, ==, run->out->len);
  g_assert_true (run->in->len == 0 || memcmp (run->in->data, run->out->data, run->in->len) == 0);
}

static void
append_nal (const Run *run, GByteArray *buffer, const guint8 *nal, gsize size)
{
  static const guint8 start_code[] = { 0, 0, 0, 1 };
  guint32 be = GUINT32_TO_BE ((guint32) size);

  if (run->length_size == 0)
    g_byte_array_append (buffer, start_code + (size & 1), 4 - (size & 1));
  else
    g_byte_array_append (buffer, (guint8 *) &be + 4 - run->length_size, run->length_size);
  g_byte_array_append (buffer, nal, (guint) size);
}

static void
push_nals (Run *run, const guint8 *data, const GArray *nals, guint n_per_buffer, gboolean ends)
{
  g_autoptr (GByteArray) buffer = g_byte_array_new ();

  for (guint i = 0; i < nals->len; i++) {
    const KvsNalUnit *nal = &g_array_index (nals, KvsNalUnit, i);
    gsize size = run->length_size == 1 ? MIN (nal->size, 0xff) : nal->size;

    append_nal (run, buffer, data + nal->offset, size);
    if ((i + 1) % n_per_buffer != 0 && i + 1 < nals->len)
      continue;
    g_assert_true (push (run, buffer, ends && i % 3 == 0));
    g_byte_array_set_size (buffer, 0);
  }
  finish (run);
}

static void
try_as_it_is (guint8 how, const guint8 *data, gsize size)
{
  g_autoptr (GByteArray) buffer = g_byte_array_new ();
  Run run;

  run_init (&run, how);
  g_byte_array_append (buffer, data, (guint) size);
  for (guint i = 0; i < 3; i++) {
    if (push (&run, buffer, (how & ENDS) != 0))
      continue;
    g_assert_cmpuint (run.in->len, ==, 0);
  }
  /* lengths of 0 and nothing else are good, but there is nothing in them to be kept */
  if (run.length_size == 0 || run.sizes->len > 0)
    finish (&run);
  run_clear (&run);
}

static void
try_nals (guint8 how, const guint8 *data, gsize size)
{
  g_autoptr (GArray) nals = g_array_new (FALSE, FALSE, sizeof (KvsNalUnit));
  Run one, several;

  kvs_nal_split_annexb (data, size, nals);
  run_init (&one, how);
  run_init (&several, how);
  push_nals (&one, data, nals, 1, (how & ENDS) != 0);
  push_nals (&several, data, nals, 2 + (how >> N_SHIFT & 3u), FALSE);
  if ((how & ENDS) == 0) {
    g_assert_cmpuint (one.sizes->len, ==, several.sizes->len);
    g_assert_true (one.sizes->len == 0
                   || memcmp (one.sizes->data, several.sizes->data,
                              one.sizes->len * sizeof (gsize)) == 0);
  }
  run_clear (&one);
  run_clear (&several);
}

int
LLVMFuzzerTestOneInput (const guint8 *data, gsize size)
{
  if (size == 0)
    return 0;
  if ((data[0] & AS_IT_IS) != 0)
    try_as_it_is (data[0], data + 1, size - 1);
  else
    try_nals (data[0], data + 1, size - 1);
  return 0;
}
