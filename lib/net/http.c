/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "net/http.h"

#include <string.h>

#define MAX_HEADER_VALUE_BYTES 512
#define MAX_RETRY_AFTER_S 3600

static gchar *
header_value (const gchar *line, gsize size, const gchar *name)
{
  gsize name_size = strlen (name);
  gchar *value;

  if (size <= name_size || g_ascii_strncasecmp (line, name, name_size) != 0
      || line[name_size] != ':')
    return NULL;
  value = g_strndup (line + name_size + 1, MIN (size - name_size - 1, MAX_HEADER_VALUE_BYTES));
  return g_strstrip (value);
}

static void
take_header (const gchar *line, gsize size, const gchar *name, gchar **where)
{
  gchar *value = header_value (line, size, name);

  if (value == NULL)
    return;
  g_free (*where);
  *where = value;
}

/* Seconds or a date (RFC 9110 section 10.2.3) */
static void
read_retry_after (KvsHttpHead *head, const gchar *value)
{
  if (g_ascii_isdigit (*value))
    head->retry_after_s
        = (guint) MIN (g_ascii_strtoull (value, NULL, 10), (guint64) MAX_RETRY_AFTER_S);
  else if (g_ascii_isalpha (*value))
    head->retry_at_s = MAX ((gint64) curl_getdate (value, NULL), 0);
}

/* By the service's clock: this machine's may be wrong. */
static void
end_head (KvsHttpHead *head)
{
  if (head->retry_at_s > head->date_s && head->date_s > 0)
    head->retry_after_s = (guint) MIN (head->retry_at_s - head->date_s, MAX_RETRY_AFTER_S);
}

/**
 * kvs_http_head_read_line:
 * @head: what was read so far
 * @line: a line as libcurl's header function gets it, not terminated
 * @size: its size in bytes
 *
 * A new status line (after a 100 Continue, say) begins a new head.
 */
void
kvs_http_head_read_line (KvsHttpHead *head, const gchar *line, gsize size)
{
  g_autofree gchar *date = NULL;
  g_autofree gchar *retry_after = NULL;

  if (size > 9 && memcmp (line, "HTTP/", 5) == 0) {
    const gchar *space = memchr (line, ' ', size);

    kvs_http_head_clear (head);
    if (space != NULL && (gsize) (line + size - space) > 4)
      head->status = (guint) ((space[1] - '0') * 100 + (space[2] - '0') * 10 + (space[3] - '0'));
    return;
  }
  take_header (line, size, "x-amzn-RequestId", &head->request_id);
  take_header (line, size, "x-amzn-ErrorType", &head->error_type);
  if ((date = header_value (line, size, "Date")) != NULL)
    head->date_s = MAX ((gint64) curl_getdate (date, NULL), 0);
  if ((retry_after = header_value (line, size, "Retry-After")) != NULL)
    read_retry_after (head, retry_after);
  if (size <= 2)
    end_head (head);
}

/**
 * kvs_http_head_clear:
 * @head: a head, empty afterwards
 */
void
kvs_http_head_clear (KvsHttpHead *head)
{
  g_free (head->error_type);
  g_free (head->request_id);
  memset (head, 0, sizeof *head);
}
