/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Bodies of requests: what is taken for JSON, json-glib reads without a word of complaint. */
#include "fuzz.h"

#include <json-glib/json-glib.h>

#include "http/json-check.h"

int
LLVMFuzzerTestOneInput (const guint8 *data, gsize size)
{
  g_autofree gchar *text = g_memdup2 (data, size);
  g_autoptr (JsonParser) parser = NULL;
  g_autoptr (GError) error = NULL;

  if (!kvs_local_json_check (text, size))
    return 0;
  parser = json_parser_new ();
  json_parser_load_from_data (parser, text, (gssize) size, &error);
  g_assert_no_error (error);
  g_assert_nonnull (json_parser_get_root (parser));
  return 0;
}
