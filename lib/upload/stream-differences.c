/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "upload/stream-differences.h"

#include <string.h>

static void
add (GString *text, const gchar *property, const gchar *wished, const gchar *found)
{
  g_string_append_printf (text, "%s%s is %s, but the stream has %s", text->len > 0 ? "; " : "",
                          property, wished, found);
}

static void
compare_retention (const KvsStreamDefinition *definition, const KvsStreamInfo *info, GString *text)
{
  g_autofree gchar *wished = NULL;
  g_autofree gchar *found = NULL;

  if (!definition->retention_is_wish || info->retention_hours == definition->retention_hours)
    return;
  wished = g_strdup_printf ("%u hours", definition->retention_hours);
  found = g_strdup_printf ("%" G_GINT64_FORMAT, info->retention_hours);
  add (text, "retention-period", wished, found);
}

/* Keys may be named by id, alias or either's ARN; the service says an ARN. Which key an alias stands
 * for cannot be told from here. */
static gboolean
is_same_key (const gchar *wished, const gchar *found)
{
  gboolean wished_alias = g_strrstr (wished, "alias/") != NULL;
  gboolean found_alias = g_strrstr (found, "alias/") != NULL;
  gsize wished_size = strlen (wished), found_size = strlen (found);

  if (g_str_equal (wished, found) || wished_alias != found_alias)
    return g_str_equal (wished, found) || wished_alias;
  return found_size > wished_size && g_str_has_suffix (found, wished)
         && strchr (":/", found[found_size - wished_size - 1]) != NULL;
}

static void
compare_key (const KvsStreamDefinition *definition, const KvsStreamInfo *info, GString *text)
{
  if (definition->kms_key_id != NULL && info->kms_key_id != NULL
      && !is_same_key (definition->kms_key_id, info->kms_key_id))
    add (text, "kms-key-id", definition->kms_key_id, info->kms_key_id);
}

static gboolean
has_type (const gchar *types, const gchar *type)
{
  g_auto (GStrv) list = g_strsplit (types, ",", -1);

  for (guint i = 0; list[i] != NULL; i++)
    if (g_ascii_strcasecmp (list[i], type) == 0)
      return TRUE;
  return FALSE;
}

/* What was typed is compared as it is. What comes from the caps is worth a word only where the first
 * track is of another kind, which a player would not expect. */
static void
compare_media_type (const KvsStreamDefinition *definition, const gchar *content_type,
                    const KvsStreamInfo *info, GString *text)
{
  g_autofree gchar *first = NULL;

  if (info->media_type == NULL || *info->media_type == '\0')
    return;
  if (definition->content_type != NULL) {
    if (g_ascii_strcasecmp (definition->content_type, info->media_type) != 0)
      add (text, "content-type", definition->content_type, info->media_type);
    return;
  }
  first = g_strndup (content_type, strcspn (content_type, ","));
  if (!has_type (info->media_type, first))
    add (text, "the media type of the caps", content_type, info->media_type);
}

/**
 * kvs_stream_differences:
 * @definition: what was asked for
 * @content_type: media types of the tracks, or that of @definition
 * @info: what DescribeStream says
 *
 * Returns: (transfer full) (nullable): how the stream differs, to stand in a sentence; %NULL if it does
 *   not
 */
gchar *
kvs_stream_differences (const KvsStreamDefinition *definition, const gchar *content_type,
                        const KvsStreamInfo *info)
{
  g_autoptr (GString) text = g_string_new (NULL);

  compare_retention (definition, info, text);
  compare_key (definition, info, text);
  compare_media_type (definition, content_type, info, text);
  return text->len > 0 ? g_strdup (text->str) : NULL;
}
