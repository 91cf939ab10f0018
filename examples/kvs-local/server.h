/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Listens, finds out what a request wants and who sent it, and answers. */
#pragma once

#include <json-glib/json-glib.h>
#include <libsoup/soup.h>

#include "deliver/deliver.h"
#include "http/poller.h"
#include "http/refusals.h"
#include "options.h"
#include "store/store.h"

G_BEGIN_DECLS

/* Larger reads gain nothing. */
#define KVS_LOCAL_READ_BYTES (512 * 1024)

/**
 * KvsLocalServer:
 * @options: command line; outlives the server
 * @credentials: (nullable): who may sign; %NULL accepts anybody
 * @store: what is kept
 * @deliver: (nullable): who does what fragments ask for
 * @listeners: (element-type KvsLocalListener): where it listens, that with the control plane first
 * @certificate: (nullable): for TLS
 * @soup: HTTP
 * @http_connections: (element-type gpointer): all connections, sessions too; see
 *   http/http-connection.c
 * @request_timer: runs while there are any
 * @greetings: (element-type gpointer): those of clients that have not begun with TLS
 * @waiting_turns: connections that libsoup gets for their next requests
 * @turns_source: runs while there are any
 * @poller: for PutMedia connections
 * @put_connections: (element-type KvsLocalPutConnection): PutMedia connections
 * @put_timer: runs while there are any
 * @read_buffer: %KVS_LOCAL_READ_BYTES for whichever connection has its turn
 * @refusals: requests that were answered with errors lately
 * @jobs: answers that are being made in other threads
 * @media_sessions: (element-type KvsLocalMediaSession): answers that are being given
 * @playback: HLS and DASH sessions
 */
typedef struct {
  const KvsLocalOptions *options;
  GHashTable *credentials;
  KvsLocalStore *store;
  KvsLocalDeliver *deliver;
  GPtrArray *listeners;
  GTlsCertificate *certificate;
  SoupServer *soup;
  guint expiry_timer;
  GQueue http_connections;
  guint request_timer;
  GQueue greetings;
  GQueue waiting_turns;
  guint turns_source;
  KvsLocalPoller *poller;
  GQueue put_connections;
  guint put_timer;
  guint8 *read_buffer;
  KvsLocalRefusals *refusals;
  struct _KvsLocalJobs *jobs;
  GList *media_sessions;
  struct _KvsLocalPlayback *playback;
} KvsLocalServer;

KvsLocalServer *kvs_local_server_new (const KvsLocalOptions *options, GError **error);
void kvs_local_server_free (KvsLocalServer *server);
gchar *kvs_local_server_get_endpoint (KvsLocalServer *server, SoupServerMessage *message);
void kvs_local_server_answer_error (KvsLocalServer *server, SoupServerMessage *message,
                                    const GError *error);
void kvs_local_server_answer_object (SoupServerMessage *message, JsonObject *object);
void kvs_local_server_answer_bytes (SoupServerMessage *message, const gchar *content_type,
                                    GBytes *bytes);
gboolean kvs_local_server_take_quota (KvsLocalServer *server, KvsLocalQuotas *quotas,
                                      KvsLocalQuota quota, guint64 n, GError **error);
void kvs_local_server_log (KvsLocalServer *server, const gchar *format, ...) G_GNUC_PRINTF (2, 3);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (KvsLocalServer, kvs_local_server_free)

G_END_DECLS
