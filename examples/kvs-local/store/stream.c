/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "store/stream.h"

#include "api/service-error.h"

#define VERSION_CHARS 20

/**
 * kvs_local_stream_new:
 *
 * Returns: (transfer full): a stream without content; the caller sets all members
 */
KvsLocalStream *
kvs_local_stream_new (void)
{
  KvsLocalStream *stream = g_new0 (KvsLocalStream, 1);

  stream->ref_count = 1;
  stream->kept_bytes = -1;
  stream->tags = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  stream->activity = kvs_local_activity_new ();
  g_hook_list_init (&stream->stored_hooks, sizeof (GHook));
  return stream;
}

/**
 * kvs_local_stream_ref:
 * @stream: a stream
 *
 * Returns: (transfer full): @stream
 */
KvsLocalStream *
kvs_local_stream_ref (KvsLocalStream *stream)
{
  stream->ref_count++;
  return stream;
}

/**
 * kvs_local_stream_unref:
 * @stream: (transfer full) (nullable): a stream
 */
void
kvs_local_stream_unref (KvsLocalStream *stream)
{
  if (stream == NULL || --stream->ref_count > 0)
    return;
  g_hook_list_clear (&stream->stored_hooks);
  g_hash_table_unref (stream->tags);
  kvs_local_activity_free (stream->activity);
  g_free (stream->name);
  g_free (stream->arn);
  g_free (stream->device_name);
  g_free (stream->media_type);
  g_free (stream->kms_key_id);
  g_free (stream->storage_tier);
  g_free (stream->image_generation);
  g_free (stream->notification);
  g_free (stream->version);
  g_free (stream);
}

/**
 * kvs_local_stream_is_active:
 * @stream: a stream
 *
 * Returns: whether it takes media by now
 */
gboolean
kvs_local_stream_is_active (const KvsLocalStream *stream)
{
  return g_get_real_time () / 1000 >= stream->active_ms;
}

/**
 * kvs_local_stream_may_change:
 * @stream: a stream
 * @error: where to put an error
 *
 * Returns: whether it is ACTIVE, else with %KVS_LOCAL_ERROR_RESOURCE_IN_USE
 */
gboolean
kvs_local_stream_may_change (const KvsLocalStream *stream, GError **error)
{
  if (kvs_local_stream_is_active (stream))
    return TRUE;
  g_set_error (error, KVS_LOCAL_ERROR, KVS_LOCAL_ERROR_RESOURCE_IN_USE,
               "The stream %s is being created.", stream->name);
  return FALSE;
}

/**
 * kvs_local_stream_renew_version:
 * @stream: a stream whose description changed
 *
 * Gives it another version, of the form that the real service uses (kvs-api.md section 4).
 */
void
kvs_local_stream_renew_version (KvsLocalStream *stream)
{
  static const gchar letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
  gchar *version = g_malloc0 (VERSION_CHARS + 1);

  for (guint i = 0; i < VERSION_CHARS; i++)
    version[i] = letters[g_random_int_range (0, sizeof letters - 1)];
  g_free (stream->version);
  stream->version = version;
}

/**
 * kvs_local_stream_add_hook:
 * @stream: a stream
 * @func: to call after a fragment was stored, and when the stream was deleted
 * @user_data: handed to @func
 *
 * Returns: (transfer none): for kvs_local_stream_remove_hook()
 */
GHook *
kvs_local_stream_add_hook (KvsLocalStream *stream, GHookFunc func, gpointer user_data)
{
  GHook *hook = g_hook_alloc (&stream->stored_hooks);

  hook->func = func;
  hook->data = user_data;
  g_hook_append (&stream->stored_hooks, hook);
  return hook;
}

/**
 * kvs_local_stream_remove_hook:
 * @stream: a stream
 * @hook: (transfer full): from kvs_local_stream_add_hook()
 */
void
kvs_local_stream_remove_hook (KvsLocalStream *stream, GHook *hook)
{
  g_hook_destroy_link (&stream->stored_hooks, hook);
}

/**
 * kvs_local_stream_call_hooks:
 * @stream: a stream
 */
void
kvs_local_stream_call_hooks (KvsLocalStream *stream)
{
  kvs_local_stream_ref (stream);
  g_hook_list_invoke (&stream->stored_hooks, FALSE);
  kvs_local_stream_unref (stream);
}
