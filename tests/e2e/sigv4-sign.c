/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Signs requests from standard input, for comparison with another implementation.
 *
 * A request is a line each of "method", "path", "query", "header NAME VALUE" (any number), "hash"
 * (of the payload), "date", "region", "service", "access-key" and "secret-key", each followed by a
 * space and the value, and ends with an empty line. The answer is the canonical request ("C "
 * before each line), the string to sign ("S "), the Authorization value ("A ") and an empty line.
 */
#include "aws/sigv4.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void
print_lines (gchar mark, const gchar *text)
{
  g_auto (GStrv) lines = g_strsplit (text, "\n", -1);

  for (guint i = 0; lines[i] != NULL; i++)
    printf ("%c %s\n", mark, lines[i]);
}

static const gchar *
field (GHashTable *fields, const gchar *name)
{
  const gchar *value = g_hash_table_lookup (fields, name);

  return value != NULL ? value : "";
}

static void
answer (GHashTable *fields, const GArray *headers)
{
  KvsSigv4Request request = {
    field (fields, "method"), field (fields, "path"), g_hash_table_lookup (fields, "query"),
    (const KvsSigv4Header *) (gpointer) headers->data, headers->len, field (fields, "hash")
  };
  KvsSigv4Scope scope = {
    field (fields, "date"), field (fields, "region"), field (fields, "service")
  };
  g_autofree gchar *canonical = kvs_sigv4_canonical_request (&request);
  g_autofree gchar *to_sign = kvs_sigv4_string_to_sign (canonical, &scope);
  g_autofree gchar *authorization = kvs_sigv4_authorization (
    &request, &scope, field (fields, "access-key"), field (fields, "secret-key"));

  print_lines ('C', canonical);
  print_lines ('S', to_sign);
  printf ("A %s\n\n", authorization);
  fflush (stdout);
}

static void
header_clear (gpointer data)
{
  KvsSigv4Header *header = data;

  g_free ((gpointer) header->name);
  g_free ((gpointer) header->value);
}

static void
take_line (const gchar *line, GHashTable *fields, GArray *headers)
{
  g_auto (GStrv) parts = g_strsplit (line, " ", 2);

  if (g_strv_length (parts) < 2)
    return;
  if (!g_str_equal (parts[0], "header")) {
    g_hash_table_insert (fields, g_strdup (parts[0]), g_strdup (parts[1]));
  } else {
    g_auto (GStrv) header = g_strsplit (parts[1], " ", 2);
    KvsSigv4Header entry = { g_strdup (header[0]), g_strdup (header[1] != NULL ? header[1] : "") };

    g_array_append_val (headers, entry);
  }
}

int
main (void)
{
  g_autoptr (GHashTable) fields = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  g_autoptr (GArray) headers = g_array_new (FALSE, FALSE, sizeof (KvsSigv4Header));
  gchar *line = NULL;
  gsize capacity = 0;

  g_array_set_clear_func (headers, header_clear);
  while (getline (&line, &capacity, stdin) > 0) {
    line[strcspn (line, "\n")] = '\0';
    if (line[0] != '\0') {
      take_line (line, fields, headers);
      continue;
    }
    answer (fields, headers);
    g_hash_table_remove_all (fields);
    g_array_set_size (headers, 0);
  }
  free (line);
  return EXIT_SUCCESS;
}
