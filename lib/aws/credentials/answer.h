/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Credentials in the JSON answers of the sources that are asked over HTTP (kvs-api.md section 18).
 * No I/O. */
#pragma once

#include "aws/credentials.h"

G_BEGIN_DECLS

/**
 * KvsAnswerClock:
 * @now_us: the time of who gave the answer, as g_get_real_time() counts
 * @ahead_us: how far that is ahead of this machine's clock
 */
typedef struct {
  gint64 now_us;
  gint64 ahead_us;
} KvsAnswerClock;

/**
 * KvsAnswerForm:
 * @member: (nullable): name of the object that holds the credentials, where it is not the answer
 * @access_key: its member's name
 * @secret_key: its member's name
 * @session_token: its member's name
 * @expiration: its member's name; text in ISO 8601, or a number of seconds or milliseconds
 *
 * How a source names things.
 */
typedef struct {
  const gchar *member;
  const gchar *access_key;
  const gchar *secret_key;
  const gchar *session_token;
  const gchar *expiration;
} KvsAnswerForm;

KvsCredentials *kvs_answer_parse_json (const gchar *text, gsize size, const KvsAnswerForm *form,
                                       const KvsAnswerClock *clock, GError **error);
KvsCredentials *kvs_answer_make_credentials (const gchar *access_key, const gchar *secret_key,
                                             const gchar *session_token, gint64 expiration_us,
                                             const KvsAnswerClock *clock, GError **error);
gboolean kvs_answer_parse_time (const gchar *text, gint64 *time_us);
gchar *kvs_answer_clean_text (const gchar *text);

G_END_DECLS
