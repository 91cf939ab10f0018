/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Tags that ask for notifications and images. Only what was asked for has pairs, and none of them has
 * a name of the service's own. */
#include "fuzz.h"

#include "api/event-tags.h"

static void
check_pairs (GHashTable *pairs, gboolean is_wanted)
{
  GHashTableIter iter;
  gpointer name;

  g_assert_true (is_wanted || g_hash_table_size (pairs) == 0);
  g_hash_table_iter_init (&iter, pairs);
  while (g_hash_table_iter_next (&iter, &name, NULL))
    g_assert_false (g_str_has_prefix (name, "AWS_"));
}

int
LLVMFuzzerTestOneInput (const guint8 *data, gsize size)
{
  g_autoptr (KvsLocalEventTags) tags = kvs_local_event_tags_parse (data, size);
  gboolean wants_notification = (tags->events & KVS_LOCAL_EVENT_NOTIFICATION) != 0;
  gboolean wants_image = (tags->events & KVS_LOCAL_EVENT_IMAGE_GENERATION) != 0;

  check_pairs (tags->notification_pairs, wants_notification);
  check_pairs (tags->image_pairs, wants_image);
  g_assert_true (wants_image || tags->image_prefix == NULL);
  return 0;
}
