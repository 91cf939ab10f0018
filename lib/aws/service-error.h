/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What an answer other than 200 means, or an ERROR Ack (kvs-api.md sections 2 and 5). No I/O. */
#pragma once

#include "error.h"

G_BEGIN_DECLS

/**
 * KvsServiceAnswer:
 * @http_status: status of the answer
 * @error_type: (nullable): value of x-amzn-ErrorType, or of x-amz-ErrorType where that is absent
 * @request_id: (nullable): value of x-amzn-RequestId
 * @body: (nullable): the body, of any content
 * @body_size: its size
 */
typedef struct {
  guint http_status;
  const gchar *error_type;
  const gchar *request_id;
  const gchar *body;
  gsize body_size;
} KvsServiceAnswer;

/**
 * KvsServiceError:
 * @http_status: status of the answer; 0 for an ERROR Ack
 * @type: (nullable): bare name such as "ResourceNotFoundException", or that of an Ack's error such as
 *   "INVALID_MKV_DATA"
 * @message: (nullable): the service's words, UTF-8, one line, of bounded length
 * @request_id: (nullable): what AWS's support asks for
 * @retry_after_s: Retry-After; 0 if not sent
 * @ack_id: ErrorId of an ERROR Ack; else 0
 * @ack_timecode: of the Fragment that it is about; -1 if it names none
 */
typedef struct {
  guint http_status;
  gchar *type;
  gchar *message;
  gchar *request_id;
  guint retry_after_s;
  guint ack_id;
  gint64 ack_timecode;
} KvsServiceError;

KvsServiceError *kvs_service_error_parse (const KvsServiceAnswer *answer);
KvsServiceError *kvs_service_error_copy (const KvsServiceError *error);
void kvs_service_error_free (KvsServiceError *error);

KvsError kvs_service_error_classify (const KvsServiceError *error);
gboolean kvs_service_error_is (const KvsServiceError *error, const gchar *name);
gboolean kvs_service_error_is_known (const KvsServiceError *error);
gboolean kvs_service_error_is_invalid_endpoint (const KvsServiceError *error);
gboolean kvs_service_error_is_clock_skew (const KvsServiceError *error);
GError *kvs_service_error_to_gerror (const KvsServiceError *error, const gchar *operation);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (KvsServiceError, kvs_service_error_free)

G_END_DECLS
