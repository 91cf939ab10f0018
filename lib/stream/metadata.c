/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Rules: kvs-api.md sections 8 and 15. What passes here is never answered with 4009 or 4012. */
#include "stream/metadata.h"

#include <string.h>

#include "error.h"

/* The service's own names; they do not count among the names and values of a Fragment. */
#define TAG_IMAGE_GENERATION "AWS_KINESISVIDEO_IMAGE_GENERATION"
#define TAG_IMAGE_PREFIX "AWS_KINESISVIDEO_IMAGE_PREFIX"
#define TAG_NOTIFICATION "AWS_KINESISVIDEO_NOTIFICATION"

#define ALL_EVENTS (KVS_METADATA_EVENT_IMAGE_GENERATION | KVS_METADATA_EVENT_NOTIFICATION)

/* of a name, in a message */
#define SHOWN_BYTES 40

typedef struct {
  gchar *name;
  gchar *value;
} Pair;

struct _KvsMetadata {
  gatomicrefcount refs;
  GMutex lock; /* all that follows */

  /* Pair; together never more than a Fragment takes */
  GPtrArray *persistent;
  GPtrArray *one_shot;
  GPtrArray *event_pairs;

  KvsMetadataEvent event_kinds;
  gchar *event_prefix; /* nullable */
  KvsMetadataEvent every_kinds;
  gchar *every_prefix; /* nullable */
};

static Pair *
pair_new (const gchar *name, const gchar *value)
{
  Pair *pair = g_new (Pair, 1);

  pair->name = g_strdup (name);
  pair->value = g_strdup (value);
  return pair;
}

static void
pair_free (gpointer data)
{
  Pair *pair = data;

  g_free (pair->name);
  g_free (pair->value);
  g_free (pair);
}

/**
 * kvs_metadata_new:
 *
 * Returns: (transfer full): metadata of a stream, none as yet
 */
KvsMetadata *
kvs_metadata_new (void)
{
  KvsMetadata *metadata = g_new0 (KvsMetadata, 1);

  g_atomic_ref_count_init (&metadata->refs);
  g_mutex_init (&metadata->lock);
  metadata->persistent = g_ptr_array_new_with_free_func (pair_free);
  metadata->one_shot = g_ptr_array_new_with_free_func (pair_free);
  metadata->event_pairs = g_ptr_array_new_with_free_func (pair_free);
  return metadata;
}

/**
 * kvs_metadata_ref:
 * @metadata: metadata
 *
 * Any thread.
 *
 * Returns: (transfer full): the same metadata
 */
KvsMetadata *
kvs_metadata_ref (KvsMetadata *metadata)
{
  g_atomic_ref_count_inc (&metadata->refs);
  return metadata;
}

/**
 * kvs_metadata_unref:
 * @metadata: (transfer full) (nullable): metadata
 *
 * Any thread.
 */
void
kvs_metadata_unref (KvsMetadata *metadata)
{
  if (metadata == NULL || !g_atomic_ref_count_dec (&metadata->refs))
    return;
  g_ptr_array_unref (metadata->persistent);
  g_ptr_array_unref (metadata->one_shot);
  g_ptr_array_unref (metadata->event_pairs);
  g_free (metadata->event_prefix);
  g_free (metadata->every_prefix);
  g_mutex_clear (&metadata->lock);
  g_free (metadata);
}

/* Names come from outside: one may be long, or not be text. */
static gchar *
name_for_message (const gchar *name)
{
  g_autofree gchar *start = g_strndup (name, SHOWN_BYTES);
  g_autofree gchar *escaped = g_strescape (start, NULL);

  return g_strdup_printf ("\"%s%s\"", escaped, strlen (name) > SHOWN_BYTES ? "..." : "");
}

/* The service reserves AWS_, its SDK AWS. Whether the service looks at the case of AWS_ is not
 * known, so any case of that is refused, and of AWS only what the SDK refuses. */
static gboolean
is_reserved (const gchar *name)
{
  return g_str_has_prefix (name, "AWS") || g_ascii_strncasecmp (name, "AWS_", 4) == 0;
}

static gboolean
check_name (const gchar *name, GError **error)
{
  g_autofree gchar *shown = name_for_message (name);
  gsize size = strlen (name);

  if (size == 0)
    g_set_error (error, KVS_ERROR, KVS_ERROR_BAD_ARGUMENT,
                 "A name of metadata is empty; give it 1 to %d bytes",
                 KVS_METADATA_MAX_NAME_BYTES);
  else if (size > KVS_METADATA_MAX_NAME_BYTES)
    g_set_error (error, KVS_ERROR, KVS_ERROR_BAD_ARGUMENT,
                 "The metadata name %s has %" G_GSIZE_FORMAT " bytes, the service takes %d at "
                 "most; choose a shorter name", shown, size, KVS_METADATA_MAX_NAME_BYTES);
  else if (!g_utf8_validate (name, (gssize) size, NULL))
    g_set_error (error, KVS_ERROR, KVS_ERROR_BAD_ARGUMENT,
                 "The metadata name %s is not UTF-8; encode it so", shown);
  else if (is_reserved (name))
    g_set_error (error, KVS_ERROR, KVS_ERROR_BAD_ARGUMENT,
                 "The metadata name %s begins with AWS, which the service keeps for itself; choose "
                 "another name", shown);
  else
    return TRUE;
  return FALSE;
}

static gboolean
check_value (const gchar *name, const gchar *value, GError **error)
{
  g_autofree gchar *shown = name_for_message (name);
  gsize size = strlen (value);

  if (size > KVS_METADATA_MAX_VALUE_BYTES)
    g_set_error (error, KVS_ERROR, KVS_ERROR_BAD_ARGUMENT,
                 "The value of metadata %s has %" G_GSIZE_FORMAT " bytes, the service takes %d at "
                 "most; shorten it, or spread it over several names", shown, size,
                 KVS_METADATA_MAX_VALUE_BYTES);
  else if (!g_utf8_validate (value, (gssize) size, NULL))
    g_set_error (error, KVS_ERROR, KVS_ERROR_BAD_ARGUMENT,
                 "The value of metadata %s is not UTF-8; encode it so, binary data as base64",
                 shown);
  else
    return TRUE;
  return FALSE;
}

static gboolean
check_pairs (const KvsMkvTag *pairs, guint n_pairs, GError **error)
{
  for (guint i = 0; i < n_pairs; i++) {
    if (!check_name (pairs[i].name, error)
        || !check_value (pairs[i].name, pairs[i].value, error))
      return FALSE;
  }
  return TRUE;
}

static gboolean
check_image_prefix (const gchar *prefix, GError **error)
{
  gsize size;

  if (prefix == NULL)
    return TRUE;
  size = strlen (prefix);
  if (size == 0)
    g_set_error (error, KVS_ERROR, KVS_ERROR_BAD_ARGUMENT,
                 "The image prefix is empty; leave it out, or give it 1 to %d bytes",
                 KVS_METADATA_MAX_VALUE_BYTES);
  else if (size > KVS_METADATA_MAX_VALUE_BYTES)
    g_set_error (error, KVS_ERROR, KVS_ERROR_BAD_ARGUMENT,
                 "The image prefix has %" G_GSIZE_FORMAT " bytes, the service takes %d at most; "
                 "choose a shorter one", size, KVS_METADATA_MAX_VALUE_BYTES);
  else if (!g_utf8_validate (prefix, (gssize) size, NULL))
    g_set_error (error, KVS_ERROR, KVS_ERROR_BAD_ARGUMENT,
                 "The image prefix is not UTF-8; encode it so");
  else
    return TRUE;
  return FALSE;
}

/* ---- with the lock ---- */

/* @name is of the first of @n_pairs. */
static gboolean
check_room (const KvsMetadata *metadata, const gchar *name, guint n_pairs, GError **error)
{
  guint n_stay = metadata->persistent->len;
  guint n_go = metadata->one_shot->len + metadata->event_pairs->len;
  g_autofree gchar *shown = NULL;

  if (n_pairs <= KVS_METADATA_MAX_PER_FRAGMENT - n_stay - n_go)
    return TRUE;
  shown = name_for_message (name);
  g_set_error (error, KVS_ERROR, KVS_ERROR_LIMIT,
               "Metadata %s%s was not added: the service takes %d names and values a fragment, and "
               "the next one has %u persistent and %u other already; add it after that fragment "
               "has begun, or remove persistent metadata by setting it to an empty value", shown,
               n_pairs > 1 ? " and what came with it" : "", KVS_METADATA_MAX_PER_FRAGMENT, n_stay,
               n_go);
  return FALSE;
}

static gboolean
find_persistent (const KvsMetadata *metadata, const gchar *name, guint *index)
{
  for (guint i = 0; i < metadata->persistent->len; i++) {
    const Pair *pair = g_ptr_array_index (metadata->persistent, i);

    if (!g_str_equal (pair->name, name))
      continue;
    *index = i;
    return TRUE;
  }
  return FALSE;
}

static gboolean
set_persistent (KvsMetadata *metadata, const gchar *name, const gchar *value, GError **error)
{
  guint index;

  if (!find_persistent (metadata, name, &index)) {
    if (value[0] == '\0')
      return TRUE;
    if (!check_room (metadata, name, 1, error))
      return FALSE;
    g_ptr_array_add (metadata->persistent, pair_new (name, value));
  } else if (value[0] == '\0') {
    g_ptr_array_remove_index (metadata->persistent, index);
  } else {
    Pair *pair = g_ptr_array_index (metadata->persistent, index);

    g_free (pair->value);
    pair->value = g_strdup (value);
  }
  return TRUE;
}

static gboolean
add_one_shot (KvsMetadata *metadata, const gchar *name, const gchar *value, GError **error)
{
  if (!check_room (metadata, name, 1, error))
    return FALSE;
  g_ptr_array_add (metadata->one_shot, pair_new (name, value));
  return TRUE;
}

/* ---- */

/**
 * kvs_metadata_add:
 * @metadata: metadata
 * @name: 1 to %KVS_METADATA_MAX_NAME_BYTES of UTF-8. Names that begin with "AWS", or with "aws_" in
 *   any case, are the service's.
 * @value: up to %KVS_METADATA_MAX_VALUE_BYTES of UTF-8
 * @persist: for every Fragment from the next one on, not for the next one alone
 * @error: %KVS_ERROR_BAD_ARGUMENT for what the service never takes, %KVS_ERROR_LIMIT when the next
 *   Fragment has %KVS_METADATA_MAX_PER_FRAGMENT already
 *
 * A persistent value takes the place of the one that has its name, and an empty one removes it.
 * What is not persistent takes no place: a name that is added twice is on the Fragment twice, after
 * the persistent ones.
 *
 * Any thread.
 *
 * Returns: whether it was added; if not, all is as it was before
 */
gboolean
kvs_metadata_add (KvsMetadata *metadata, const gchar *name, const gchar *value, gboolean persist,
                  GError **error)
{
  const KvsMkvTag pair = { name, value };
  gboolean added;

  if (!check_pairs (&pair, 1, error))
    return FALSE;
  g_mutex_lock (&metadata->lock);
  added = persist ? set_persistent (metadata, name, value, error)
                  : add_one_shot (metadata, name, value, error);
  g_mutex_unlock (&metadata->lock);
  return added;
}

static gboolean
check_kinds (KvsMetadataEvent kinds, const gchar *image_prefix, GError **error)
{
  if (kinds == KVS_METADATA_EVENT_NONE || (kinds & ~ALL_EVENTS) != 0)
    g_set_error (error, KVS_ERROR, KVS_ERROR_BAD_ARGUMENT,
                 "The event asks for nothing that the service knows; ask for image generation, "
                 "for a notification, or for both");
  else if (image_prefix != NULL && (kinds & KVS_METADATA_EVENT_IMAGE_GENERATION) == 0)
    g_set_error (error, KVS_ERROR, KVS_ERROR_BAD_ARGUMENT,
                 "The event has an image prefix but asks for no images; leave the prefix out, or "
                 "ask for image generation");
  else
    return TRUE;
  return FALSE;
}

/**
 * kvs_metadata_add_event:
 * @metadata: metadata
 * @kinds: what to ask for, at least one
 * @image_prefix: (nullable): what the S3 keys of the images begin with, 1 to
 *   %KVS_METADATA_MAX_VALUE_BYTES of UTF-8; only with %KVS_METADATA_EVENT_IMAGE_GENERATION
 * @pairs: (array length=n_pairs) (nullable): what goes with the images and into the notification;
 *   as for kvs_metadata_add()
 * @n_pairs: how many
 * @error: as kvs_metadata_add() has it
 *
 * Asks for something on the next Fragment. Several events before it become one: it has all their
 * kinds and pairs, and the last image prefix.
 *
 * Any thread.
 *
 * Returns: whether it was added; if not, all is as it was before
 */
gboolean
kvs_metadata_add_event (KvsMetadata *metadata, KvsMetadataEvent kinds, const gchar *image_prefix,
                        const KvsMkvTag *pairs, guint n_pairs, GError **error)
{
  if (!check_kinds (kinds, image_prefix, error) || !check_image_prefix (image_prefix, error)
      || !check_pairs (pairs, n_pairs, error))
    return FALSE;
  g_mutex_lock (&metadata->lock);
  if (n_pairs > 0 && !check_room (metadata, pairs[0].name, n_pairs, error)) {
    g_mutex_unlock (&metadata->lock);
    return FALSE;
  }
  metadata->event_kinds |= kinds;
  if (image_prefix != NULL) {
    g_free (metadata->event_prefix);
    metadata->event_prefix = g_strdup (image_prefix);
  }
  for (guint i = 0; i < n_pairs; i++)
    g_ptr_array_add (metadata->event_pairs, pair_new (pairs[i].name, pairs[i].value));
  g_mutex_unlock (&metadata->lock);
  return TRUE;
}

/**
 * kvs_metadata_set_every_fragment:
 * @metadata: metadata
 * @kinds: what each Fragment from the next one on asks for; %KVS_METADATA_EVENT_NONE for nothing
 * @image_prefix: (nullable): what the S3 keys of images begin with where an event gives no prefix
 *   of its own
 * @error: %KVS_ERROR_BAD_ARGUMENT, as kvs_metadata_add_event() has it
 *
 * Takes the place of what was set before.
 *
 * Any thread.
 *
 * Returns: whether it was set; if not, all is as it was before
 */
gboolean
kvs_metadata_set_every_fragment (KvsMetadata *metadata, KvsMetadataEvent kinds,
                                 const gchar *image_prefix, GError **error)
{
  if (!check_image_prefix (image_prefix, error))
    return FALSE;
  g_mutex_lock (&metadata->lock);
  metadata->every_kinds = kinds;
  g_free (metadata->every_prefix);
  metadata->every_prefix = g_strdup (image_prefix);
  g_mutex_unlock (&metadata->lock);
  return TRUE;
}

/* ---- the Tags element ---- */

static void
append_tag (GArray *tags, const gchar *name, const gchar *value)
{
  KvsMkvTag tag = { name, value };

  g_array_append_val (tags, tag);
}

static void
append_pairs (GArray *tags, const GPtrArray *pairs)
{
  for (guint i = 0; i < pairs->len; i++) {
    const Pair *pair = g_ptr_array_index (pairs, i);

    append_tag (tags, pair->name, pair->value);
  }
}

/* The service's own names first, then what goes with them. */
static void
append_event (GArray *tags, const KvsMetadata *metadata)
{
  KvsMetadataEvent kinds = metadata->event_kinds | metadata->every_kinds;
  const gchar *prefix = metadata->event_prefix;

  if (prefix == NULL)
    prefix = metadata->every_prefix;
  if ((kinds & KVS_METADATA_EVENT_IMAGE_GENERATION) != 0) {
    append_tag (tags, TAG_IMAGE_GENERATION, "");
    if (prefix != NULL)
      append_tag (tags, TAG_IMAGE_PREFIX, prefix);
  }
  if ((kinds & KVS_METADATA_EVENT_NOTIFICATION) != 0)
    append_tag (tags, TAG_NOTIFICATION, "");
  append_pairs (tags, metadata->event_pairs);
}

static void
append_element (GByteArray *out, const GArray *tags)
{
  g_autoptr (GBytes) element = NULL;

  if (tags->len == 0)
    return;
  element = kvs_mkv_tags_new ((const KvsMkvTag *) (gpointer) tags->data, tags->len);
  g_byte_array_append (out, g_bytes_get_data (element, NULL), (guint) g_bytes_get_size (element));
}

static void
forget_one_shot (KvsMetadata *metadata)
{
  g_ptr_array_set_size (metadata->one_shot, 0);
  g_ptr_array_set_size (metadata->event_pairs, 0);
  metadata->event_kinds = KVS_METADATA_EVENT_NONE;
  g_clear_pointer (&metadata->event_prefix, g_free);
}

/**
 * kvs_metadata_take:
 * @metadata: metadata
 *
 * Gives the metadata of a Fragment that starts now: bytes that go right before its Cluster, and
 * that are sent again with it. What was for the next Fragment alone is forgotten. Names and values
 * are in one Tags element; an event and its pairs are in a second one, so that the pairs stay the
 * event's.
 *
 * Any thread.
 *
 * Returns: (transfer full) (nullable): one or two Tags elements; %NULL without metadata
 */
GBytes *
kvs_metadata_take (KvsMetadata *metadata)
{
  GByteArray *out = g_byte_array_new ();
  g_autoptr (GArray) plain = g_array_new (FALSE, FALSE, sizeof (KvsMkvTag));
  g_autoptr (GArray) event = g_array_new (FALSE, FALSE, sizeof (KvsMkvTag));

  g_mutex_lock (&metadata->lock);
  append_pairs (plain, metadata->persistent);
  append_pairs (plain, metadata->one_shot);
  append_event (event, metadata);
  append_element (out, plain);
  append_element (out, event);
  forget_one_shot (metadata);
  g_mutex_unlock (&metadata->lock);
  if (out->len > 0)
    return g_byte_array_free_to_bytes (out);
  g_byte_array_unref (out);
  return NULL;
}
