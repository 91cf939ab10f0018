/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <json-glib/json-glib.h>

G_BEGIN_DECLS

gchar *kvs_local_json_text (JsonNode *node);

G_END_DECLS
