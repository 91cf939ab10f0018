/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One JSON object from outside: an answer, a file, a program. */
#pragma once

#include <json-glib/json-glib.h>

G_BEGIN_DECLS

JsonNode *kvs_json_text_parse (const gchar *text, gsize size);
const gchar *kvs_json_text_get_string (JsonNode *object, const gchar *key);

G_END_DECLS
