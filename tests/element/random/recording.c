/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "recording.h"

#include <string.h>

#define ID_EBML 0x1a45dfa3
#define ID_SEGMENT 0x18538067
#define ID_INFO 0x1549a966
#define ID_TIMECODE_SCALE 0x2ad7b1
#define ID_TRACKS 0x1654ae6b
#define ID_TRACK_ENTRY 0xae
#define ID_TRACK_NUMBER 0xd7
#define ID_TRACK_UID 0x73c5
#define ID_TRACK_TYPE 0x83
#define ID_NAME 0x536e
#define ID_CODEC_ID 0x86
#define ID_CODEC_PRIVATE 0x63a2
#define ID_VIDEO 0xe0
#define ID_PIXEL_WIDTH 0xb0
#define ID_PIXEL_HEIGHT 0xba
#define ID_AUDIO 0xe1
#define ID_SAMPLING_FREQUENCY 0xb5
#define ID_CHANNELS 0x9f
#define ID_BIT_DEPTH 0x6264
#define ID_TAGS 0x1254c367
#define ID_TAG 0x7373
#define ID_SIMPLE_TAG 0x67c8
#define ID_TAG_NAME 0x45a3
#define ID_TAG_STRING 0x4487
#define ID_CLUSTER 0x1f43b675
#define ID_TIMECODE 0xe7
#define ID_SIMPLE_BLOCK 0xa3

#define MAX_TAGS 10
#define MAX_TAG_NAME_BYTES 128
#define MAX_TAG_VALUE_BYTES 256
#define END_OF_FRAGMENT "AWS_KINESISVIDEO_END_OF_FRAGMENT"

/* what has come so far */
enum { STAGE_NOTHING, STAGE_EBML, STAGE_SEGMENT, STAGE_INFO, STAGE_TRACKS };

typedef struct {
  guint32 id;
  const guint8 *data; /* of the body, as far as it is there */
  guint64 size;
  gboolean has_size;
  gsize head_size;
} Element;

static void
track_free (gpointer data)
{
  RecordedTrack *track = data;

  g_free (track->codec_id);
  g_free (track->name);
  g_clear_pointer (&track->codec_private, g_bytes_unref);
  g_free (track);
}

static void
block_clear (gpointer data)
{
  g_bytes_unref (((RecordedBlock *) data)->payload);
}

static void
cluster_free (gpointer data)
{
  RecordedCluster *cluster = data;

  g_array_unref (cluster->blocks);
  g_free (cluster);
}

Recording *
recording_new (void)
{
  Recording *recording = g_new0 (Recording, 1);

  recording->pending = g_byte_array_new ();
  recording->tracks = g_ptr_array_new_with_free_func (track_free);
  recording->clusters = g_ptr_array_new_with_free_func (cluster_free);
  return recording;
}

void
recording_free (Recording *recording)
{
  g_byte_array_unref (recording->pending);
  g_ptr_array_unref (recording->tracks);
  g_ptr_array_unref (recording->clusters);
  g_free (recording->error);
  g_free (recording);
}

/* The first failure counts. */
void
recording_fail (Recording *recording, const gchar *format, ...)
{
  va_list args;

  if (recording->error != NULL)
    return;
  va_start (args, format);
  recording->error = g_strdup_vprintf (format, args);
  va_end (args);
}

const RecordedTrack *
recording_find_track (const Recording *recording, guint64 number)
{
  for (guint i = 0; i < recording->tracks->len; i++) {
    const RecordedTrack *track = recording->tracks->pdata[i];

    if (track->number == number)
      return track;
  }
  return NULL;
}

/* ---- EBML ---- */

static guint64
read_big_endian (const guint8 *data, gsize size)
{
  guint64 value = 0;

  for (gsize i = 0; i < size; i++)
    value = value << 8 | data[i];
  return value;
}

/* Returns: 0 where the byte cannot start a number. */
static gsize
number_length (guint8 first)
{
  gsize length = 1;

  while (length <= 8 && (first & 0x80 >> (length - 1)) == 0)
    length++;
  return length <= 8 ? length : 0;
}

/* Returns: whether @data has the whole head of an element. */
static gboolean
read_head (Recording *recording, const guint8 *data, gsize size, Element *element)
{
  gsize id_length, size_length;
  guint64 unknown;

  if (size < 2)
    return FALSE;
  id_length = number_length (data[0]);
  if (id_length == 0 || id_length > 4) {
    recording_fail (recording, "no element id: byte %02x", data[0]);
    return FALSE;
  }
  if (size < id_length + 1)
    return FALSE;
  size_length = number_length (data[id_length]);
  if (size_length == 0) {
    recording_fail (recording, "no element size");
    return FALSE;
  }
  element->head_size = id_length + size_length;
  if (size < element->head_size)
    return FALSE;
  element->id = (guint32) read_big_endian (data, id_length);
  unknown = (G_GUINT64_CONSTANT (1) << (7 * size_length)) - 1;
  element->size = read_big_endian (data + id_length, size_length) & unknown;
  element->has_size = element->size != unknown;
  element->data = data + element->head_size;
  return TRUE;
}

typedef void (*ChildFunc) (Recording *recording, const Element *child, gpointer user_data);

static void
for_each_child (Recording *recording, const Element *parent, ChildFunc func, gpointer user_data)
{
  const guint8 *at = parent->data, *end = parent->data + parent->size;
  Element child;

  while (at < end && recording->error == NULL) {
    if (!read_head (recording, at, (gsize) (end - at), &child) || !child.has_size
        || child.size > (guint64) (end - child.data)) {
      recording_fail (recording, "a child does not fit into element %x", parent->id);
      return;
    }
    func (recording, &child, user_data);
    at = child.data + child.size;
  }
}

static guint64
to_number (const Element *element)
{
  return read_big_endian (element->data, (gsize) element->size);
}

static gdouble
to_float (const Element *element)
{
  guint64 bits64 = to_number (element);
  guint32 bits32 = (guint32) bits64;
  gdouble value64;
  gfloat value32;

  memcpy (&value64, &bits64, sizeof value64);
  memcpy (&value32, &bits32, sizeof value32);
  return element->size == 8 ? value64 : (gdouble) value32;
}

static gchar *
to_string (const Element *element)
{
  return g_strndup ((const gchar *) element->data, (gsize) element->size);
}

/* ---- the header ---- */

static void
take_info (Recording *recording, const Element *element, gpointer user_data)
{
  (void) user_data;
  if (element->id == ID_TIMECODE_SCALE)
    recording->scale_ns = to_number (element);
}

static void
take_track_field (Recording *recording, const Element *element, gpointer user_data)
{
  RecordedTrack *track = user_data;

  switch (element->id) {
    case ID_TRACK_NUMBER:
      track->number = to_number (element);
      break;
    case ID_TRACK_UID:
      track->uid = to_number (element);
      break;
    case ID_TRACK_TYPE:
      track->type = to_number (element);
      break;
    case ID_NAME:
      track->name = to_string (element);
      break;
    case ID_CODEC_ID:
      track->codec_id = to_string (element);
      break;
    case ID_CODEC_PRIVATE:
      track->codec_private = g_bytes_new (element->data, (gsize) element->size);
      break;
    case ID_PIXEL_WIDTH:
      track->width = to_number (element);
      break;
    case ID_PIXEL_HEIGHT:
      track->height = to_number (element);
      break;
    case ID_SAMPLING_FREQUENCY:
      track->sample_rate = to_float (element);
      break;
    case ID_CHANNELS:
      track->channels = to_number (element);
      break;
    case ID_BIT_DEPTH:
      track->bit_depth = to_number (element);
      break;
    case ID_VIDEO:
    case ID_AUDIO:
      for_each_child (recording, element, take_track_field, track);
      break;
    default:
      break;
  }
}

static void
take_track (Recording *recording, const Element *element, gpointer user_data)
{
  RecordedTrack *track;

  (void) user_data;
  if (element->id != ID_TRACK_ENTRY)
    return;
  track = g_new0 (RecordedTrack, 1);
  for_each_child (recording, element, take_track_field, track);
  if (track->number == 0 || track->uid == 0 || track->type == 0 || track->codec_id == NULL)
    recording_fail (recording, "a track entry lacks what each has to have");
  if (recording_find_track (recording, track->number) != NULL)
    recording_fail (recording, "two tracks have number %" G_GUINT64_FORMAT, track->number);
  g_ptr_array_add (recording->tracks, track);
}

static void
take_tracks (Recording *recording, const Element *element)
{
  for_each_child (recording, element, take_track, NULL);
  if (recording->tracks->len == 0 || recording->tracks->len > RECORDING_MAX_TRACKS)
    recording_fail (recording, "4012: %u tracks", recording->tracks->len);
}

/* ---- tags ---- */

typedef struct {
  gchar *name;
  gchar *value;
} SimpleTag;

static void
take_tag_field (Recording *recording, const Element *element, gpointer user_data)
{
  SimpleTag *tag = user_data;

  (void) recording;
  if (element->id == ID_TAG_NAME)
    tag->name = to_string (element);
  else if (element->id == ID_TAG_STRING)
    tag->value = to_string (element);
}

static gboolean
is_allowed_name (const gchar *name)
{
  return !g_str_has_prefix (name, "AWS") || g_str_equal (name, "AWS_KINESISVIDEO_IMAGE_GENERATION")
         || g_str_equal (name, "AWS_KINESISVIDEO_IMAGE_PREFIX")
         || g_str_equal (name, "AWS_KINESISVIDEO_NOTIFICATION");
}

static void
take_tag (Recording *recording, const Element *element, gpointer user_data)
{
  SimpleTag tag = { NULL, NULL };

  (void) user_data;
  if (element->id == ID_TAG) {
    for_each_child (recording, element, take_tag, NULL);
    return;
  }
  if (element->id != ID_SIMPLE_TAG)
    return;
  for_each_child (recording, element, take_tag_field, &tag);
  if (tag.name == NULL || *tag.name == '\0')
    recording_fail (recording, "4009: a tag without a name");
  else if (!g_str_equal (tag.name, END_OF_FRAGMENT)) {
    recording->n_tags++;
    if (strlen (tag.name) > MAX_TAG_NAME_BYTES || !is_allowed_name (tag.name)
        || (tag.value != NULL && strlen (tag.value) > MAX_TAG_VALUE_BYTES))
      recording_fail (recording, "4009: tag %s", tag.name);
  }
  if (recording->n_tags > MAX_TAGS)
    recording_fail (recording, "4009: %u tags", recording->n_tags);
  g_free (tag.name);
  g_free (tag.value);
}

/* ---- clusters ---- */

static RecordedCluster *
last_cluster (Recording *recording)
{
  return recording->clusters->len > 0
             ? recording->clusters->pdata[recording->clusters->len - 1] : NULL;
}

static void
begin_cluster (Recording *recording, const Element *element)
{
  RecordedCluster *cluster = g_new0 (RecordedCluster, 1);

  if (element->has_size)
    recording_fail (recording, "a cluster with a size");
  cluster->blocks = g_array_new (FALSE, FALSE, sizeof (RecordedBlock));
  g_array_set_clear_func (cluster->blocks, block_clear);
  cluster->timecode = G_MAXUINT64;
  cluster->size = element->head_size;
  cluster->n_tags = recording->n_tags;
  recording->n_tags = 0;
  g_ptr_array_add (recording->clusters, cluster);
}

static void
take_block (Recording *recording, const Element *element)
{
  RecordedCluster *cluster = last_cluster (recording);
  gsize number_size = element->size > 0 ? number_length (element->data[0]) : 0;
  RecordedBlock block;

  if (cluster == NULL || cluster->timecode == G_MAXUINT64 || number_size == 0
      || element->size < number_size + 3) {
    recording_fail (recording, "4006: a block out of place, or too short");
    return;
  }
  block.track = read_big_endian (element->data, number_size)
                & ((G_GUINT64_CONSTANT (1) << (7 * number_size)) - 1);
  block.offset = (gint16) read_big_endian (element->data + number_size, 2);
  block.time = (gint64) cluster->timecode + block.offset;
  block.is_key = (element->data[number_size + 2] & 0x80) != 0;
  if ((element->data[number_size + 2] & 0x06) != 0)
    recording_fail (recording, "a block with lacing");
  block.payload = g_bytes_new (element->data + number_size + 3,
                               (gsize) element->size - number_size - 3);
  cluster->size += element->head_size + (gsize) element->size;
  g_array_append_val (cluster->blocks, block);
  if (recording_find_track (recording, block.track) == NULL)
    recording_fail (recording, "4010: track %" G_GUINT64_FORMAT " is not declared", block.track);
}

static void
take_timecode (Recording *recording, const Element *element)
{
  RecordedCluster *cluster = last_cluster (recording);

  if (cluster == NULL || cluster->timecode != G_MAXUINT64) {
    recording_fail (recording, "4006: a timecode out of place");
    return;
  }
  cluster->timecode = to_number (element);
  cluster->size += element->head_size + (gsize) element->size;
}

static void
expect_stage (Recording *recording, guint stage, const gchar *what)
{
  if (recording->stage != stage)
    recording_fail (recording, "4006: %s out of place", what);
  recording->stage = stage + 1;
}

static gsize
take_element (Recording *recording, const guint8 *data, gsize size)
{
  Element element;
  gsize whole;

  if (!read_head (recording, data, size, &element))
    return 0;
  if (element.id == ID_SEGMENT || element.id == ID_CLUSTER) {
    if (element.id == ID_SEGMENT)
      expect_stage (recording, STAGE_EBML, "a segment");
    else if (recording->stage != STAGE_TRACKS)
      recording_fail (recording, "4006: a cluster before the tracks");
    else
      begin_cluster (recording, &element);
    return element.head_size;
  }
  if (!element.has_size) {
    recording_fail (recording, "4006: element %x without a size", element.id);
    return 0;
  }
  whole = element.head_size + (gsize) element.size;
  if (size < whole)
    return 0;
  switch (element.id) {
    case ID_EBML:
      expect_stage (recording, STAGE_NOTHING, "an EBML header");
      break;
    case ID_INFO:
      expect_stage (recording, STAGE_SEGMENT, "the segment info");
      for_each_child (recording, &element, take_info, NULL);
      break;
    case ID_TRACKS:
      expect_stage (recording, STAGE_INFO, "the tracks");
      take_tracks (recording, &element);
      break;
    case ID_TAGS:
      for_each_child (recording, &element, take_tag, NULL);
      break;
    case ID_TIMECODE:
      take_timecode (recording, &element);
      break;
    case ID_SIMPLE_BLOCK:
      take_block (recording, &element);
      break;
    default:
      recording_fail (recording, "4006: element %x", element.id);
      break;
  }
  return whole;
}

void
recording_push (Recording *recording, const guint8 *data, gsize size)
{
  gsize done = 0, n;

  g_byte_array_append (recording->pending, data, (guint) size);
  while (recording->error == NULL
         && (n = take_element (recording, recording->pending->data + done,
                               recording->pending->len - done)) > 0)
    done += n;
  if (done > 0)
    g_byte_array_remove_range (recording->pending, 0, (guint) done);
}

void
recording_end (Recording *recording)
{
  recording->is_whole = TRUE;
  if (recording->pending->len > 0)
    recording_fail (recording, "4000: %u bytes of an element that is not whole",
                    recording->pending->len);
}
