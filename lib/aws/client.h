/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* KvsAwsClient: signed requests to one region of the service, on the I/O thread. */
#pragma once

#include <curl/curl.h>
#include <glib.h>
#include <json-glib/json-glib.h>

#include "aws/credentials.h"
#include "aws/service-error.h"
#include "aws/sigv4.h"
#include "net/http.h"
#include "net/loop.h"

G_BEGIN_DECLS

/**
 * KvsAwsClient:
 * @loop: where requests run
 * @http: time-outs, CA bundle, user agent
 * @region: such as "us-west-2"
 * @endpoint: base URL of the control plane, without a slash at the end
 * @credentials: what requests are signed with
 * @signing_key: derived from @credentials for the day
 * @clock_skew_s: the service's clock less ours, in seconds
 */
typedef struct {
  KvsLoop *loop;
  KvsHttpOptions http;
  gchar *region;
  gchar *endpoint;
  KvsCredentials *credentials;
  KvsSigv4SigningKey signing_key;
  gint64 clock_skew_s;
} KvsAwsClient;

/**
 * KvsAwsDoneFunc:
 * @answer: (nullable): the JSON answer of a request that succeeded
 * @service_error: (nullable): what the service said, where it was an answer that made @error
 * @error: (nullable): why there is no @answer
 * @user_data: what was given with it
 *
 * Runs on the I/O thread.
 */
typedef void (*KvsAwsDoneFunc) (JsonObject *answer, const KvsServiceError *service_error,
                                const GError *error, gpointer user_data);

typedef struct _KvsAwsCall KvsAwsCall;

KvsAwsClient *kvs_aws_client_new (KvsLoop *loop, const gchar *region, const gchar *endpoint,
                                  KvsCredentials *credentials, const KvsHttpOptions *http);
void kvs_aws_client_free (KvsAwsClient *client);
void kvs_aws_client_set_credentials (KvsAwsClient *client, KvsCredentials *credentials);
struct curl_slist *kvs_aws_client_sign (KvsAwsClient *client, const gchar *url,
                                        const KvsSigv4Header *headers, guint n_headers,
                                        const gchar *payload_sha256_hex);
gboolean kvs_aws_client_correct_clock (KvsAwsClient *client, const KvsServiceError *service_error,
                                       gint64 service_date_s);
KvsAwsCall *kvs_aws_client_call (KvsAwsClient *client, const gchar *operation, const gchar *path,
                                 JsonObject *request, KvsAwsDoneFunc func, gpointer user_data);
void kvs_aws_call_cancel (KvsAwsCall *call);
KvsServiceError *kvs_aws_read_refusal (const KvsHttpHead *head, const guint8 *body, gsize size);

G_END_DECLS
