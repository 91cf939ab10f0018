/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Members of a request's JSON object, held to the shapes of the service model (kvs-api.md Annex A). */
#pragma once

#include <json-glib/json-glib.h>

#include "store/store.h"

G_BEGIN_DECLS

/**
 * KvsLocalStringShape:
 * @min: characters
 * @max: characters
 * @pattern: (nullable): regular expression for the whole text
 */
typedef struct {
  guint min;
  guint max;
  const gchar *pattern;
} KvsLocalStringShape;

extern const KvsLocalStringShape kvs_local_shape_stream_name;
extern const KvsLocalStringShape kvs_local_shape_arn;
extern const KvsLocalStringShape kvs_local_shape_device_name;
extern const KvsLocalStringShape kvs_local_shape_media_type;
extern const KvsLocalStringShape kvs_local_shape_kms_key_id;
extern const KvsLocalStringShape kvs_local_shape_version;
extern const KvsLocalStringShape kvs_local_shape_next_token;
extern const KvsLocalStringShape kvs_local_shape_tag_key;
extern const KvsLocalStringShape kvs_local_shape_tag_value;
extern const KvsLocalStringShape kvs_local_shape_any;

gboolean kvs_local_check_string (const gchar *name, const gchar *value,
                                 const KvsLocalStringShape *shape, GError **error);

gboolean kvs_local_args_invalid (GError **error, const gchar *format, ...) G_GNUC_PRINTF (2, 3);
JsonObject *kvs_local_args_parse (GBytes *body, GError **error);
gboolean kvs_local_args_has (JsonObject *args, const gchar *name);
gboolean kvs_local_args_require (JsonObject *args, const gchar *name, GError **error);
gboolean kvs_local_args_string (JsonObject *args, const gchar *name,
                                const KvsLocalStringShape *shape, const gchar **out,
                                GError **error);
gboolean kvs_local_args_required_string (JsonObject *args, const gchar *name,
                                         const KvsLocalStringShape *shape, const gchar **out,
                                         GError **error);
gboolean kvs_local_args_choice (JsonObject *args, const gchar *name, const gchar *const *choices,
                                const gchar **out, GError **error);
gboolean kvs_local_args_int (JsonObject *args, const gchar *name, gint64 min, gint64 max,
                             gint64 *out, GError **error);
gboolean kvs_local_args_time_ms (JsonObject *args, const gchar *name, gint64 *out, GError **error);
gboolean kvs_local_args_object (JsonObject *args, const gchar *name, JsonObject **out,
                                GError **error);
KvsLocalStream *kvs_local_args_stream (JsonObject *args, KvsLocalStore *store, GError **error);

G_END_DECLS
