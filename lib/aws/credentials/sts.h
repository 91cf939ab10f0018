/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Requests to and answers of the Security Token Service (kvs-api.md section 18). No I/O. */
#pragma once

#include "aws/credentials.h"
#include "aws/credentials/answer.h"
#include "aws/service-error.h"

G_BEGIN_DECLS

#define KVS_STS_ASSUME_ROLE "AssumeRole"
#define KVS_STS_ASSUME_ROLE_WITH_WEB_IDENTITY "AssumeRoleWithWebIdentity"
#define KVS_STS_CONTENT_TYPE "application/x-www-form-urlencoded; charset=utf-8"

/**
 * KvsStsRole:
 * @url: base URL of the service, such as "https://sts.us-west-2.amazonaws.com"
 * @role_arn: ARN of the role
 * @session_name: (nullable): what logs call the session; %NULL for one of our own
 * @external_id: (nullable): what the role's owner asks for; not with a web identity
 * @duration_s: how long the credentials shall live; 0 for the service's own time
 */
typedef struct {
  gchar *url;
  gchar *role_arn;
  gchar *session_name;
  gchar *external_id;
  guint duration_s;
} KvsStsRole;

void kvs_sts_role_copy (KvsStsRole *copy, const KvsStsRole *role);
void kvs_sts_role_clear (KvsStsRole *role);
gboolean kvs_sts_role_check (const KvsStsRole *role, GError **error);

gchar *kvs_sts_body_new (const KvsStsRole *role, const gchar *web_identity_token);
gchar **kvs_sts_sign (const KvsStsRole *role, const gchar *region, const gchar *body,
                      const KvsCredentials *credentials, const gchar *amz_date);

KvsCredentials *kvs_sts_parse_answer (const gchar *operation, const gchar *text, gsize size,
                                      const KvsAnswerClock *clock, GError **error);
KvsServiceError *kvs_sts_parse_refusal (guint status, const gchar *text, gsize size);
gboolean kvs_sts_is_passing (guint status, const gchar *text, gsize size);

G_END_DECLS
