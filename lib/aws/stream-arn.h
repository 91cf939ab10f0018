/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* ARNs of streams: arn:<partition>:kinesisvideo:<region>:<account>:stream/<name>/<creation ms>
 * (kvs-api.md section 2). */
#pragma once

#include "error.h"

G_BEGIN_DECLS

/**
 * KvsStreamArn:
 * @region: region of the stream
 * @account: number of the account
 * @stream_name: name of the stream
 */
typedef struct {
  gchar *region;
  gchar *account;
  gchar *stream_name;
} KvsStreamArn;

KvsStreamArn *kvs_stream_arn_parse (const gchar *text, GError **error);
void kvs_stream_arn_free (KvsStreamArn *arn);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (KvsStreamArn, kvs_stream_arn_free)

G_END_DECLS
