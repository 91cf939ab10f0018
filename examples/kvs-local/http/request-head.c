/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "http/request-head.h"

#include "api/service-error.h"

#define CONTENT_LENGTH "Content-Length"
#define TRANSFER_ENCODING "Transfer-Encoding"

static gboolean
malformed (GError **error, const gchar *message)
{
  g_set_error_literal (error, KVS_LOCAL_ERROR, KVS_LOCAL_ERROR_MALFORMED_REQUEST, message);
  return FALSE;
}

/**
 * kvs_local_request_head_check:
 * @message: a request whose headers are there
 * @has_media: whether any length will do
 * @error: where to put a %KVS_LOCAL_ERROR
 *
 * libsoup takes a length that is no number, or one beside chunks, and waits for a body that does not
 * come (RFC 9112 section 6.3).
 *
 * Returns: whether there is a body that can be waited for
 */
gboolean
kvs_local_request_head_check (SoupServerMessage *message, gboolean has_media, GError **error)
{
  SoupMessageHeaders *headers = soup_server_message_get_request_headers (message);
  const gchar *length_text = soup_message_headers_get_list (headers, CONTENT_LENGTH);
  guint64 length;

  if (length_text == NULL)
    return TRUE;
  if (soup_message_headers_get_list (headers, TRANSFER_ENCODING) != NULL)
    return malformed (error, "The body has a " CONTENT_LENGTH " and a " TRANSFER_ENCODING ".");
  if (!g_ascii_string_to_unsigned (length_text, 10, 0, G_MAXINT64, &length, NULL))
    return malformed (error, CONTENT_LENGTH " is not a number of bytes.");
  if (has_media || length <= KVS_LOCAL_MAX_READ_BODY_BYTES)
    return TRUE;
  g_set_error_literal (error, KVS_LOCAL_ERROR, KVS_LOCAL_ERROR_REQUEST_TOO_LARGE,
                       "The request is too large.");
  return FALSE;
}
