/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* KvsSession: one PutMedia request, from its signature to the end of its answer. */
#pragma once

#include <glib.h>

#include "aws/client.h"
#include "stream/fragment-buffer.h"
#include "stream/stream-definition.h"
#include "upload/ack-parser.h"

G_BEGIN_DECLS

typedef struct _KvsSession KvsSession;

/**
 * KvsSessionCallbacks:
 * @opened: the service has answered with status 200
 * @ack: an Ack came
 * @idle: nothing was sent for a while, see %KVS_SESSION_IDLE_US
 * @ended: the Session is over; @error is %NULL if it sent all it should and the service has answered
 *   to all of it. The Session is still there: free it, here or later.
 *
 * All run on the I/O thread; @opened and @ack from inside libcurl, where the Session must not be
 * freed, but may be ended with kvs_session_end().
 */
typedef struct {
  void (*opened) (gpointer user_data);
  void (*ack) (const KvsAck *ack, gpointer user_data);
  void (*idle) (gpointer user_data);
  void (*ended) (const KvsServiceError *service_error, const GError *error, gpointer user_data);
} KvsSessionCallbacks;

/* A Fragment takes 20 s at most, so after that long nothing can be added to the open one; and the
 * service closes a connection after 30 s (kvs-api.md section 6). */
#define KVS_SESSION_IDLE_US (20 * G_USEC_PER_SEC)

KvsSession *kvs_session_new (KvsAwsClient *client, const gchar *data_endpoint,
                             const KvsStreamDefinition *definition, KvsFragmentBuffer *buffer,
                             const KvsSegment *segment, const KvsSessionCallbacks *callbacks,
                             gpointer user_data);
void kvs_session_wake (KvsSession *session);
void kvs_session_end (KvsSession *session, const GError *error);
void kvs_session_drain (KvsSession *session, const GError *error);
void kvs_session_free (KvsSession *session);

G_END_DECLS
