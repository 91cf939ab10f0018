/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Status, a line of type header, a line of request id, and the body, all from outside. */
#include "fuzz.h"

#include "aws/service-error.h"

#include <string.h>

static void
check_text (const gchar *text)
{
  if (text == NULL)
    return;
  g_assert_cmpstr (text, !=, "");
  g_assert_cmpuint (strlen (text), <=, 1024);
  g_assert_true (g_utf8_validate (text, -1, NULL));
  g_assert_null (strchr (text, '\n'));
}

static gchar *
take_line (const gchar **text, gsize *size)
{
  const gchar *end = memchr (*text, '\n', *size);
  gsize length = end != NULL ? (gsize) (end - *text) : *size;
  gchar *line = g_strndup (*text, length);

  length = MIN (length + 1, *size);
  *text += length;
  *size -= length;
  return line;
}

int
LLVMFuzzerTestOneInput (const guint8 *data, gsize size)
{
  const gchar *text = (const gchar *) data;
  g_autofree gchar *type = NULL;
  g_autofree gchar *request_id = NULL;
  g_autoptr (KvsServiceError) error = NULL;
  g_autoptr (GError) as_gerror = NULL;
  KvsServiceAnswer answer = { 0 };

  if (size < 2)
    return 0;
  answer.http_status = (guint) (data[0] << 8 | data[1]);
  text += 2;
  size -= 2;
  answer.error_type = type = take_line (&text, &size);
  answer.request_id = request_id = take_line (&text, &size);
  answer.body = text;
  answer.body_size = size;

  error = kvs_service_error_parse (&answer);
  check_text (error->type);
  check_text (error->message);
  check_text (error->request_id);
  as_gerror = kvs_service_error_to_gerror (error, "PutMedia");
  g_assert_true (as_gerror->domain == KVS_ERROR);
  g_assert_true (g_utf8_validate (as_gerror->message, -1, NULL));
  (void) kvs_service_error_is_clock_skew (error);
  return 0;
}
