/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "media.h"

#include <check.h>
#include <string.h>

#include "bytes.h"

#define NAL_HEADER_KEY 0x65
#define NAL_HEADER_DELTA 0x41

#define ID_TRACKS 0x1654ae6b
#define ID_TRACK_ENTRY 0xae
#define ID_TRACK_NUMBER 0xd7
#define ID_TAGS 0x1254c367
#define ID_CLUSTER 0x1f43b675
#define ID_TIMECODE 0xe7
#define ID_SIMPLE_BLOCK 0xa3

/* ---- frames ---- */

/* Never 0 or 1, so that no start code comes about. */
static guint8
filler (guint64 id, gsize at)
{
  return (guint8) (2 + (id * 31 + at * 7) % 250);
}

/* @size counts all: length, NAL header, id, filling. */
GBytes *
media_payload_new (guint64 id, gboolean is_key, gsize size)
{
  guint32 nal_size = GUINT32_TO_BE ((guint32) (size - 4));
  guint64 big_endian = GUINT64_TO_BE (id);
  guint8 *data = g_malloc (size);

  g_assert (size >= MEDIA_PAYLOAD_MIN_BYTES);
  memcpy (data, &nal_size, 4);
  data[4] = is_key ? NAL_HEADER_KEY : NAL_HEADER_DELTA;
  memcpy (data + 5, &big_endian, 8);
  for (gsize i = MEDIA_PAYLOAD_MIN_BYTES; i < size; i++)
    data[i] = filler (id, i);
  return g_bytes_new_take (data, size);
}

/* Returns: which frame it is, whose every byte is as it was. */
guint64
media_payload_id (const guint8 *data, gsize size)
{
  guint64 id;

  ck_assert_uint_ge (size, MEDIA_PAYLOAD_MIN_BYTES);
  ck_assert_uint_eq ((guint) data[0] << 24 | (guint) data[1] << 16 | (guint) data[2] << 8 | data[3],
                     size - 4);
  memcpy (&id, data + 5, 8);
  id = GUINT64_FROM_BE (id);
  for (gsize i = MEDIA_PAYLOAD_MIN_BYTES; i < size; i++)
    if (data[i] != filler (id, i))
      ck_abort_msg ("frame %" G_GUINT64_FORMAT " is damaged at %" G_GSIZE_FORMAT, id, i);
  return id;
}

KvsTrack *
media_track_new (void)
{
  g_autoptr (GBytes) avcc = bytes_from_hex (MEDIA_AVCC_HEX);
  KvsTrack *track = kvs_track_new (1, KVS_TRACK_TYPE_VIDEO, KVS_CODEC_ID_AVC, "cam", avcc);

  track->width = 320;
  track->height = 240;
  return track;
}

KvsFrame *
media_frame_new (guint64 id, gboolean is_key, gint64 pts_ns, gsize size)
{
  g_autoptr (GBytes) payload = media_payload_new (id, is_key, size);
  const KvsFrameInfo info = {
    .track_number = 1,
    .flags = is_key ? KVS_FRAME_FLAG_KEY_FRAME : KVS_FRAME_FLAG_NONE,
    .pts_ns = pts_ns,
    .dts_ns = pts_ns,
  };

  return kvs_frame_new (&info, payload);
}

/* ---- the wire ---- */

static void
cluster_free (gpointer data)
{
  WireCluster *cluster = data;

  g_array_unref (cluster->blocks);
  g_free (cluster);
}

Wire *
wire_new (void)
{
  Wire *wire = g_new0 (Wire, 1);

  wire->pending = g_byte_array_new ();
  wire->header = g_byte_array_new ();
  wire->clusters = g_ptr_array_new_with_free_func (cluster_free);
  return wire;
}

void
wire_free (Wire *wire)
{
  g_byte_array_unref (wire->pending);
  g_byte_array_unref (wire->header);
  g_ptr_array_unref (wire->clusters);
  g_free (wire);
}

static guint64
read_big_endian (const guint8 *data, gsize size)
{
  guint64 value = 0;

  for (gsize i = 0; i < size; i++)
    value = value << 8 | data[i];
  return value;
}

static gsize
vint_length (guint8 first)
{
  gsize length = 1;

  ck_assert_uint_ne (first, 0);
  while ((first & 0x80) == 0) {
    first = (guint8) (first << 1);
    length++;
  }
  return length;
}

typedef struct {
  guint32 id;
  gboolean has_size;
  guint64 size;
  gsize head_size;
} Element;

/* Returns: whether @data has the whole head of an element. */
static gboolean
read_element (const guint8 *data, gsize size, Element *element)
{
  gsize id_length, size_length;
  guint64 unknown;

  if (size < 2)
    return FALSE;
  id_length = vint_length (data[0]);
  ck_assert_uint_le (id_length, 4);
  if (size < id_length + 1)
    return FALSE;
  size_length = vint_length (data[id_length]);
  element->head_size = id_length + size_length;
  if (size < element->head_size)
    return FALSE;
  element->id = (guint32) read_big_endian (data, id_length);
  unknown = (G_GUINT64_CONSTANT (1) << (7 * size_length)) - 1;
  element->size = read_big_endian (data + id_length, size_length) & unknown;
  element->has_size = element->size != unknown;
  return TRUE;
}

static void
take_block (Wire *wire, const guint8 *data, gsize size, gsize element_size)
{
  WireCluster *cluster;
  WireBlock block;

  ck_assert_uint_gt (wire->clusters->len, 0);
  cluster = g_ptr_array_index (wire->clusters, wire->clusters->len - 1);
  ck_assert_uint_ge (size, 4);
  ck_assert_uint_ge (data[0], 0x81);
  ck_assert_uint_le (data[0], 0x80 | KVS_MAX_TRACKS);
  block.track = data[0] & 0x7f;
  block.offset = (gint16) read_big_endian (data + 1, 2);
  block.time = (gint64) cluster->timecode + block.offset;
  block.is_key = (data[3] & 0x80) != 0;
  block.size = size - 4;
  block.id = media_payload_id (data + 4, size - 4);
  cluster->size += element_size;
  g_array_append_val (cluster->blocks, block);
}

/* Returns: how many bytes it took; 0 when it needs more of them. */
static gsize
take_element (Wire *wire, const guint8 *data, gsize size)
{
  Element element;
  gsize whole;

  if (!read_element (data, size, &element))
    return 0;
  if (element.id == ID_CLUSTER) {
    WireCluster *cluster = g_new0 (WireCluster, 1);

    ck_assert (!element.has_size);
    cluster->blocks = g_array_new (FALSE, FALSE, sizeof (WireBlock));
    cluster->timecode = G_MAXUINT64;
    cluster->size = element.head_size;
    cluster->has_tags = wire->has_tags;
    wire->has_tags = FALSE;
    g_ptr_array_add (wire->clusters, cluster);
    return element.head_size;
  }
  /* the Segment, whose size is not known */
  whole = element.head_size + (element.has_size ? (gsize) element.size : 0);
  if (size < whole)
    return 0;
  if (element.id == ID_TAGS) {
    ck_assert (!wire->has_tags);
    wire->has_tags = TRUE;
    wire->n_tags++;
  } else if (wire->clusters->len == 0) {
    ck_assert (!wire->has_tags);
    g_byte_array_append (wire->header, data, (guint) whole);
  } else if (element.id == ID_TIMECODE) {
    WireCluster *cluster = g_ptr_array_index (wire->clusters, wire->clusters->len - 1);

    ck_assert_uint_eq (cluster->blocks->len, 0);
    cluster->timecode = read_big_endian (data + element.head_size, (gsize) element.size);
    cluster->size += whole;
  } else {
    ck_assert_uint_eq (element.id, ID_SIMPLE_BLOCK);
    ck_assert (!wire->has_tags);
    take_block (wire, data + element.head_size, (gsize) element.size, whole);
  }
  return whole;
}

void
wire_push (Wire *wire, const guint8 *data, gsize size)
{
  gsize done = 0, n;

  g_byte_array_append (wire->pending, data, (guint) size);
  while ((n = take_element (wire, wire->pending->data + done, wire->pending->len - done)) > 0)
    done += n;
  if (done > 0)
    g_byte_array_remove_range (wire->pending, 0, (guint) done);
}

/* ---- what the header says ---- */

static guint
find_track_numbers (const guint8 *data, gsize size)
{
  guint declared = 0;
  gsize at = 0;
  Element element;

  while (at < size && read_element (data + at, size - at, &element)) {
    const guint8 *content = data + at + element.head_size;

    at += element.head_size;
    if (!element.has_size)
      continue; /* the Segment: what follows lies in it */
    if (element.id == ID_TRACKS || element.id == ID_TRACK_ENTRY)
      declared |= find_track_numbers (content, (gsize) element.size);
    if (element.id == ID_TRACK_NUMBER)
      declared |= 1u << read_big_endian (content, (gsize) element.size);
    at += (gsize) element.size;
  }
  return declared;
}

/* Returns: mask with bit n set for track number n. */
guint
wire_declared_tracks (const Wire *wire)
{
  return find_track_numbers (wire->header->data, wire->header->len);
}
