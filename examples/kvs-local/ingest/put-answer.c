/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ingest/put-answer.h"

#include <libsoup/soup.h>
#include <string.h>

#include "api/service-error.h"

/**
 * kvs_local_put_answer_head:
 * @request_id: of the request
 *
 * Returns: (transfer full): the head of an answer whose chunks are acks
 */
gchar *
kvs_local_put_answer_head (const gchar *request_id)
{
  return g_strdup_printf ("HTTP/1.1 200 OK\r\n"
                          "x-amzn-RequestId: %s\r\n"
                          "x-amz-RequestId: %s\r\n"
                          "Content-Type: application/json\r\n"
                          "Transfer-Encoding: chunked\r\n"
                          "Connection: close\r\n"
                          "\r\n",
                          request_id, request_id);
}

/**
 * kvs_local_put_answer_refusal:
 * @request_id: of the request
 * @why: what is wrong with it
 *
 * Returns: (transfer full): a whole answer that says so
 */
gchar *
kvs_local_put_answer_refusal (const gchar *request_id, const GError *why)
{
  g_autofree gchar *type = kvs_local_error_type (why);
  g_autofree gchar *body = kvs_local_error_body (why);
  guint status = kvs_local_error_status (why);

  return g_strdup_printf ("HTTP/1.1 %u %s\r\n"
                          "x-amzn-RequestId: %s\r\n"
                          "x-amz-RequestId: %s\r\n"
                          "x-amzn-ErrorType: %s\r\n"
                          "x-amz-ErrorType: %s\r\n"
                          "Content-Type: application/json\r\n"
                          "Content-Length: %zu\r\n"
                          "Connection: close\r\n"
                          "\r\n"
                          "%s",
                          status, soup_status_get_phrase (status), request_id, request_id, type,
                          type, strlen (body), body);
}
