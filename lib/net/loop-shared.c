/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "net/loop-shared.h"

typedef struct {
  gpointer value;
  GDestroyNotify destroy;
} Thing;

struct _KvsLoopShared {
  GHashTable *things; /* name -> Thing */
};

static void
thing_free (gpointer data)
{
  Thing *thing = data;

  if (thing->destroy != NULL)
    thing->destroy (thing->value);
  g_free (thing);
}

/**
 * kvs_loop_shared_new:
 *
 * Returns: (transfer full): a table with nothing in it
 */
KvsLoopShared *
kvs_loop_shared_new (void)
{
  KvsLoopShared *shared = g_new (KvsLoopShared, 1);

  shared->things = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, thing_free);
  return shared;
}

/**
 * kvs_loop_shared_get:
 * @shared: a table
 * @key: a name
 *
 * Returns: (transfer none) (nullable): what has that name
 */
gpointer
kvs_loop_shared_get (KvsLoopShared *shared, const gchar *key)
{
  const Thing *thing = g_hash_table_lookup (shared->things, key);

  return thing != NULL ? thing->value : NULL;
}

/**
 * kvs_loop_shared_set:
 * @shared: a table
 * @key: a name that nothing has yet
 * @value: (transfer full): what to keep under it
 * @destroy: (nullable): frees @value
 */
void
kvs_loop_shared_set (KvsLoopShared *shared, const gchar *key, gpointer value,
                     GDestroyNotify destroy)
{
  Thing *thing = g_new (Thing, 1);

  thing->value = value;
  thing->destroy = destroy;
  g_hash_table_insert (shared->things, g_strdup (key), thing);
}

/**
 * kvs_loop_shared_free:
 * @shared: (transfer full): a table
 *
 * Frees all that is in it.
 */
void
kvs_loop_shared_free (KvsLoopShared *shared)
{
  g_hash_table_unref (shared->things);
  g_free (shared);
}
