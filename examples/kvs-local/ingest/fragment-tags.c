/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ingest/fragment-tags.h"

#include <string.h>

#include "api/event-tags.h"
#include "mkv/mkv-ids.h"

#define RESERVED_PREFIX "AWS_"
#define END_OF_FRAGMENT "AWS_KINESISVIDEO_END_OF_FRAGMENT"

/* Names with the reserved prefix that producers may use; they do not count. */
static const gchar *const control_tags[] = {
  END_OF_FRAGMENT,
  "AWS_KINESISVIDEO_IMAGE_GENERATION",
  "AWS_KINESISVIDEO_IMAGE_PREFIX",
  "AWS_KINESISVIDEO_NOTIFICATION",
};

/**
 * kvs_local_fragment_tags_init:
 * @tags: to be set to none
 */
void
kvs_local_fragment_tags_init (KvsLocalFragmentTags *tags)
{
  *tags = (KvsLocalFragmentTags) { .bytes = g_byte_array_new () };
}

/**
 * kvs_local_fragment_tags_clear:
 * @tags: to be emptied for good
 */
void
kvs_local_fragment_tags_clear (KvsLocalFragmentTags *tags)
{
  g_clear_pointer (&tags->bytes, g_byte_array_unref);
}

/**
 * kvs_local_fragment_tags_reset:
 * @tags: whose fragment has begun: those that come now are the next one's
 */
void
kvs_local_fragment_tags_reset (KvsLocalFragmentTags *tags)
{
  g_byte_array_set_size (tags->bytes, 0);
  tags->events = 0;
  tags->is_bad = FALSE;
  tags->n_tags = 0;
}

static void
set_bad (KvsLocalFragmentTags *tags, KvsLocalAckError error)
{
  if (!tags->is_bad)
    tags->error = error;
  tags->is_bad = TRUE;
}

/**
 * kvs_local_fragment_tags_append:
 * @tags: tags
 * @data: bytes of a Tags element
 * @size: how many
 */
void
kvs_local_fragment_tags_append (KvsLocalFragmentTags *tags, gconstpointer data, gsize size)
{
  if (size > KVS_LOCAL_MAX_TAGS_BYTES - tags->bytes->len)
    set_bad (tags, KVS_LOCAL_ACK_METADATA_LIMIT);
  else
    g_byte_array_append (tags->bytes, data, (guint) size);
}

/**
 * kvs_local_fragment_tags_start:
 * @tags: tags
 * @element: Tags or one in it that begins
 */
void
kvs_local_fragment_tags_start (KvsLocalFragmentTags *tags, const KvsEbmlElement *element)
{
  if (element->id == KVS_MKV_ID_TAGS) {
    tags->element_start = tags->bytes->len;
    tags->element_has_tags = FALSE;
  } else if (element->id == KVS_MKV_ID_SIMPLE_TAG) {
    tags->has_name = FALSE;
  }
  kvs_local_fragment_tags_append (tags, element->header, element->header_size);
}

static void
check_name (KvsLocalFragmentTags *tags, const gchar *name, gsize size)
{
  tags->has_name = TRUE;
  tags->events |= kvs_local_event_of_tag (name, size);
  for (gsize i = 0; i < G_N_ELEMENTS (control_tags); i++) {
    if (size != strlen (control_tags[i]) || memcmp (name, control_tags[i], size) != 0)
      continue;
    if (!g_str_equal (control_tags[i], END_OF_FRAGMENT))
      tags->element_has_tags = TRUE;
    return;
  }
  tags->element_has_tags = TRUE;
  if (size > KVS_LOCAL_MAX_TAG_NAME_BYTES || ++tags->n_tags > KVS_LOCAL_MAX_FRAGMENT_TAGS)
    set_bad (tags, KVS_LOCAL_ACK_METADATA_LIMIT);
  else if (size == 0 || !g_utf8_validate (name, (gssize) size, NULL)
           || (size >= strlen (RESERVED_PREFIX)
               && memcmp (name, RESERVED_PREFIX, strlen (RESERVED_PREFIX)) == 0))
    set_bad (tags, KVS_LOCAL_ACK_INVALID_METADATA);
}

/**
 * kvs_local_fragment_tags_end:
 * @tags: tags
 * @element: Tags or one in it that ends
 * @payload: (nullable): start of its payload
 * @payload_size: bytes in @payload
 */
void
kvs_local_fragment_tags_end (KvsLocalFragmentTags *tags, const KvsEbmlElement *element,
                             const guint8 *payload, gsize payload_size)
{
  switch (element->id) {
    case KVS_MKV_ID_TAG_NAME:
      check_name (tags, (const gchar *) payload, payload_size);
      break;
    case KVS_MKV_ID_TAG_STRING:
      if (element->size > KVS_LOCAL_MAX_TAG_VALUE_BYTES)
        set_bad (tags, KVS_LOCAL_ACK_METADATA_LIMIT);
      else if (!g_utf8_validate ((const gchar *) payload, (gssize) payload_size, NULL))
        set_bad (tags, KVS_LOCAL_ACK_INVALID_METADATA);
      break;
    case KVS_MKV_ID_SIMPLE_TAG:
      if (!tags->has_name)
        set_bad (tags, KVS_LOCAL_ACK_INVALID_METADATA);
      /* the one around it had its name before */
      tags->has_name = TRUE;
      break;
    case KVS_MKV_ID_TAGS:
      /* a bare end-of-fragment mark belongs to no fragment */
      if (!tags->element_has_tags && !tags->is_bad)
        g_byte_array_set_size (tags->bytes, tags->element_start);
      break;
    default:
      break;
  }
}
