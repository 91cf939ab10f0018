/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One stream of the store, as all that deal with it share it. One thread only. */
#pragma once

#include <glib.h>

#include "api/quotas.h"
#include "store/activity.h"

G_BEGIN_DECLS

/* A tag key or value may hold a few bytes a character. */
#define KVS_LOCAL_MAX_TAGS 50

/**
 * KvsLocalStream:
 * @id: row of the index
 * @name: unique among the streams there are
 * @arn: unique among all streams there ever were
 * @creation_ms: ms since 1970, the last part of @arn
 * @device_name: (nullable): kept, not used
 * @media_type: (nullable): kept, not used
 * @kms_key_id: (nullable): kept, not used
 * @retention_hours: 0 keeps only the host buffer
 * @storage_tier: (nullable): kept, not used
 * @image_generation: (nullable): its configuration, in JSON
 * @notification: (nullable): its configuration, in JSON
 * @cell: whose data plane has it; see control/cells.h
 * @active_ms: ms since 1970, when its status goes from CREATING to ACTIVE
 * @version: changes with everything above but @id, @name, @arn and @creation_ms
 * @tags: (element-type utf8 utf8): key to value
 * @sequence_block: how many thousands of fragment sequence numbers are given out
 * @kept_bytes: of the fragments in the host buffer, negative if they are not summed up
 * @calls: of the control plane, see control/call-rate.c
 * @quotas: what of the data plane was used of late
 * @deleted: nothing may be stored or read any more
 * @activity: what happened to it since the start
 * @n_put_connections: PutMedia calls that are going on
 * @n_get_connections: GetMedia calls that are going on
 * @n_list_connections: GetMediaForFragmentList calls that are going on
 * @stored_hooks: called after a fragment was stored, and when the stream was deleted
 */
typedef struct {
  guint ref_count;
  gint64 id;
  gchar *name;
  gchar *arn;
  gint64 creation_ms;
  gchar *device_name;
  gchar *media_type;
  gchar *kms_key_id;
  guint retention_hours;
  gchar *storage_tier;
  gchar *image_generation;
  gchar *notification;
  guint cell;
  gint64 active_ms;
  gchar *version;
  GHashTable *tags;
  guint64 sequence_block;
  gint64 kept_bytes;
  KvsLocalBucket calls;
  KvsLocalQuotas quotas;
  gboolean deleted;
  KvsLocalActivity *activity;
  guint n_put_connections;
  guint n_get_connections;
  guint n_list_connections;
  GHookList stored_hooks;
} KvsLocalStream;

KvsLocalStream *kvs_local_stream_new (void);
KvsLocalStream *kvs_local_stream_ref (KvsLocalStream *stream);
void kvs_local_stream_unref (KvsLocalStream *stream);
gboolean kvs_local_stream_is_active (const KvsLocalStream *stream);
gboolean kvs_local_stream_may_change (const KvsLocalStream *stream, GError **error);
void kvs_local_stream_renew_version (KvsLocalStream *stream);
GHook *kvs_local_stream_add_hook (KvsLocalStream *stream, GHookFunc func, gpointer user_data);
void kvs_local_stream_remove_hook (KvsLocalStream *stream, GHook *hook);
void kvs_local_stream_call_hooks (KvsLocalStream *stream);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (KvsLocalStream, kvs_local_stream_unref)

G_END_DECLS
