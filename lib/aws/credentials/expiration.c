/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "aws/credentials/expiration.h"

#include <string.h>

#define MAX_BYTES 64

/**
 * kvs_expiration_parse:
 * @text: ISO 8601 date and time; UTC where it names no zone, or "UTC" instead of "Z", as older
 *   versions of the AWS CLI write it
 * @expiration_us: (out): the same as g_get_real_time() counts; never 0
 *
 * Returns: whether it is one
 */
gboolean
kvs_expiration_parse (const gchar *text, gint64 *expiration_us)
{
  gsize size = strlen (text);
  g_autoptr (GTimeZone) utc = NULL;
  g_autoptr (GDateTime) time = NULL;
  g_autofree gchar *copy = NULL;

  if (size > MAX_BYTES)
    return FALSE;
  if (g_str_has_suffix (text, "UTC"))
    size -= strlen ("UTC");
  copy = g_strndup (text, size);
  utc = g_time_zone_new_utc ();
  time = g_date_time_new_from_iso8601 (copy, utc);
  if (time == NULL)
    return FALSE;
  *expiration_us = g_date_time_to_unix (time) * G_USEC_PER_SEC + g_date_time_get_microsecond (time);
  if (*expiration_us == 0)
    *expiration_us = 1;
  return TRUE;
}
