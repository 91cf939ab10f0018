/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* KvsProducer: one stream's life, from the first call of the control plane to the last Ack. */
#pragma once

#include <glib.h>

#include "aws/credentials/cache.h"
#include "aws/service-error.h"
#include "media/frame.h"
#include "media/track.h"
#include "net/http.h"
#include "stream/fragment-buffer.h"
#include "stream/stream-definition.h"
#include "upload/ack-parser.h"

G_BEGIN_DECLS

typedef struct _KvsProducer KvsProducer;

/**
 * KvsProducerCredentials:
 * @open: gives the cache to take credentials from; on the I/O thread
 * @user_data: for @open
 * @destroy: (nullable): frees @user_data; any thread
 *
 * Where credentials come from.
 */
typedef struct {
  KvsCredentialsCache *(*open) (KvsLoop *loop, gpointer user_data);
  gpointer user_data;
  GDestroyNotify destroy;
} KvsProducerCredentials;

/**
 * KvsProducerConfig:
 * @definition: the stream
 * @region: such as "us-west-2"
 * @endpoint: base URL of the control plane
 * @data_endpoint: (nullable): base URL for PutMedia; %NULL to ask GetDataEndpoint
 * @credentials: what requests are signed with
 * @metadata: (nullable): what goes with each Fragment; referred to, and may grow at any time
 * @http: time-outs, CA bundle, user agent
 *
 * The user data of @credentials are taken over, @metadata is referred to; all else is copied.
 */
typedef struct {
  const KvsStreamDefinition *definition;
  const gchar *region;
  const gchar *endpoint;
  const gchar *data_endpoint;
  KvsProducerCredentials credentials;
  KvsMetadata *metadata;
  KvsHttpOptions http;
} KvsProducerConfig;

/**
 * KvsProducerEvents:
 * @failed: no more media will be uploaded, and why
 * @warning: something went wrong that may pass, or media were dropped
 * @reconnecting: @error made it fail, and the next try comes after @delay_us; @n_failures in a row
 * @dropped: frames will never be delivered
 * @missing: a track has brought nothing at all, while others have gone on for %KVS_FEED_MISSING_NS;
 *   they go on without it until it brings something. Once for each track
 * @ack: an Ack came
 * @session_started: a PutMedia request was accepted
 * @session_ended: a PutMedia request is over
 * @spool_trouble: the disk of the spool does not do its work, which @warning has told; or it does
 *   again
 * @drained: called once, after kvs_producer_finish(): all is delivered, or the time for it is over,
 *   which @warning has told before
 *
 * All run on the I/O thread with no lock held. @service_error is %NULL where no answer of the service
 * was the reason.
 */
typedef struct {
  void (*failed) (const GError *error, const KvsServiceError *service_error, gpointer user_data);
  void (*warning) (const GError *error, const KvsServiceError *service_error, gpointer user_data);
  void (*reconnecting) (const GError *error, gint64 delay_us, guint n_failures, gpointer user_data);
  void (*dropped) (KvsDropReason reason, guint n_frames, gpointer user_data);
  void (*missing) (guint track_number, const gchar *stream_name, gpointer user_data);
  void (*ack) (const KvsAck *ack, gpointer user_data);
  void (*session_started) (gpointer user_data);
  void (*session_ended) (gpointer user_data);
  void (*spool_trouble) (gboolean has_trouble, gpointer user_data);
  void (*drained) (gpointer user_data);
} KvsProducerEvents;

/**
 * KvsProducerStats:
 * @buffer: what came, what was stored, what was dropped
 * @sessions: PutMedia requests that were accepted
 * @reconnects: of these, how many followed an error
 * @error_acks: ERROR Acks
 * @credentials_expiration_s: when what requests are signed with ends, Unix seconds; 0 where it does
 *   not, or nothing is there yet
 */
typedef struct {
  KvsBufferStats buffer;
  guint64 sessions;
  guint64 reconnects;
  guint64 error_acks;
  gint64 credentials_expiration_s;
} KvsProducerStats;

KvsProducer *kvs_producer_new (const KvsProducerConfig *config, const KvsProducerEvents *events,
                               gpointer user_data, GDestroyNotify destroy);
KvsProducer *kvs_producer_ref (KvsProducer *producer);
void kvs_producer_unref (KvsProducer *producer);

void kvs_producer_start (KvsProducer *producer);
void kvs_producer_add_track (KvsProducer *producer, guint track_number, KvsTrackType type);
void kvs_producer_remove_track (KvsProducer *producer, guint track_number);
void kvs_producer_set_track_flushing (KvsProducer *producer, guint track_number,
                                      gboolean flushing);
KvsPushResult kvs_producer_push (KvsProducer *producer, KvsFrame *frame, const KvsTrack *track);
void kvs_producer_count_drop (KvsProducer *producer, KvsDropReason reason, gsize size_bytes);
void kvs_producer_progress (KvsProducer *producer, guint track_number, gint64 time_ns);
void kvs_producer_end_track (KvsProducer *producer, guint track_number);
void kvs_producer_finish (KvsProducer *producer);
void kvs_producer_leave (KvsProducer *producer);
void kvs_producer_abort (KvsProducer *producer);
void kvs_producer_get_stats (KvsProducer *producer, KvsProducerStats *stats);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (KvsProducer, kvs_producer_unref)

G_END_DECLS
