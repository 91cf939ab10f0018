/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "aws/credentials/shared-path.h"

#include <string.h>

static gboolean
is_name_char (gchar c)
{
  return g_ascii_isalnum (c) || c == '_';
}

/* @text is at a '$'. Returns: how long the name of the variable is with what is around it, or 0 */
static gsize
measure_variable (const gchar *text, gchar **name)
{
  gsize size = 1;

  if (text[1] == '{') {
    const gchar *end = strchr (text, '}');

    if (end == NULL)
      return 0;
    *name = g_strndup (text + 2, (gsize) (end - text - 2));
    return (gsize) (end + 1 - text);
  }
  while (is_name_char (text[size]))
    size++;
  if (size == 1)
    return 0;
  *name = g_strndup (text + 1, size - 1);
  return size;
}

static void
expand_variables (const gchar *text, GString *out)
{
  while (*text != '\0') {
    g_autofree gchar *name = NULL;
    gsize size = *text == '$' ? measure_variable (text, &name) : 0;
    const gchar *value = size > 0 ? g_getenv (name) : NULL;

    if (value != NULL)
      g_string_append (out, value);
    else
      g_string_append_len (out, text, (gssize) MAX (size, 1));
    text += MAX (size, 1);
  }
}

/**
 * kvs_shared_path_expand:
 * @path: a path as users write it where no shell sees it
 *
 * Puts the values of $VARIABLE and ${VARIABLE} in, where they are set, and the home folder for a
 * leading ~, as botocore does.
 *
 * Returns: (transfer full): the path
 */
gchar *
kvs_shared_path_expand (const gchar *path)
{
  GString *out = g_string_new (NULL);

  expand_variables (path, out);
  if (out->str[0] == '~' && (out->str[1] == '/' || out->str[1] == '\0')) {
    g_string_erase (out, 0, 1);
    g_string_prepend (out, g_get_home_dir ());
  }
  return g_string_free (out, FALSE);
}

/**
 * kvs_shared_path_from_environment:
 * @variable: such as AWS_CONFIG_FILE; an empty one counts as unset
 * @name: what is in ~/.aws where it is unset, such as "config" or "sso/cache"
 *
 * Returns: (transfer full): the path; nothing need be there
 */
gchar *
kvs_shared_path_from_environment (const gchar *variable, const gchar *name)
{
  const gchar *value = g_getenv (variable);

  if (value != NULL && *value != '\0')
    return kvs_shared_path_expand (value);
  return g_build_filename (g_get_home_dir (), ".aws", name, NULL);
}
