/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One PutMedia session of put-load: sends fragments and times their acks. */
#pragma once

#include "put-load-image.h"
#include "put-load-wire.h"

G_BEGIN_DECLS

/**
 * Session:
 * @arn: of its stream
 * @wire: its connection
 * @sent_bytes: of the body, without the header
 * @fragment_ms: from one fragment to the next
 * @awaited: last ack of a fragment: PERSISTED, or RECEIVED if the stream keeps nothing
 * @delays_us: (element-type gint64): of these acks: how long after the byte that completed their
 *   fragment, which is the start of the next one, was handed to the socket
 * @n_acks: of all kinds
 * @is_ended: the terminating chunk is sent
 * @is_over: the connection is closed
 * @failure: (nullable): why it is not as it should be
 */
typedef struct {
  gchar *arn;
  Wire wire;
  guint64 sent_bytes;
  guint fragment_ms;
  const gchar *awaited;
  GArray *delays_us;
  guint n_acks;
  gboolean is_ended;
  gboolean is_over;
  gchar *failure;
  /*< private >*/
  const Image *image;
  guint64 first_timecode_ms;
  guint8 head[IMAGE_MAX_HEAD_BYTES];
  guint64 head_fragment;
  GArray *completed_us; /* by fragment */
  GString *answer;      /* what is not parsed yet */
} Session;

Session *session_open (const Server *server, const gchar *stream, guint retention_hours,
                       const Image *image, guint fragment_ms, GError **error);
void session_free (Session *session);
void session_send (Session *session, guint64 until_bytes);
void session_end (Session *session);
void session_receive (Session *session);
guint64 session_count_fragments (const Session *session);

G_END_DECLS
