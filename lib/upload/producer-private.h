/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the parts of KvsProducer share: producer.c (its life), producer-setup.c (what comes before a
 * Session), producer-sessions.c, producer-failures.c, producer-warnings.c, producer-credentials.c,
 * producer-feed.c and producer-spool.c. All of it runs on the I/O thread. */
#pragma once

#include "aws/client.h"
#include "net/loop.h"
#include "stream/feed.h"
#include "upload/producer.h"
#include "upload/retry.h"
#include "upload/session.h"

G_BEGIN_DECLS

struct _KvsProducer {
  gatomicrefcount refs;

  /* constant */
  KvsLoop *loop;
  KvsStreamDefinition *definition;
  gchar *own_data_endpoint; /* NULL to ask for it */
  KvsProducerEvents events;
  gpointer user_data;
  GDestroyNotify destroy;

  KvsFragmentBuffer *buffer; /* thread safe */
  KvsFeed *feed;             /* the same */

  /* any thread, with atomic operations */
  gint n_dropped_untold;
  gint n_late_untold;
  guint missing_untold; /* mask of track numbers */
  gint n_spool_lost_untold;
  gint n_sessions;
  gint n_reconnects;
  gint n_error_acks;
  guint credentials_expiration_s;

  /* the I/O thread alone */
  KvsAwsClient *client;
  KvsProducerCredentials credentials_source;
  KvsCredentialsCache *credentials; /* NULL before the start */
  KvsCredentialsWaiter *credentials_waiter;
  KvsServiceError *refusal; /* while other credentials are asked for */
  GError *refusal_error;
  gboolean running; /* owns a reference */
  gboolean finishing;
  gboolean saving; /* the disk does the last it has to */
  gboolean leaving; /* nobody waits for it any more */
  gboolean failed;
  gboolean drained;
  gboolean described;
  gboolean must_create;
  gboolean tagged;
  gboolean contacted; /* the service has answered once */
  gboolean was_let_in; /* a Session was accepted once: the credentials were good */
  gchar *content_type; /* of a stream that is created; NULL until it is known */
  gchar *stream_arn;
  gint64 found_retention_hours; /* as DescribeStream said, with the next two */
  gchar *found_kms_key_id;
  gchar *found_media_type;
  gboolean compared; /* with what was asked for */
  gboolean creates_without_tags;
  gchar *data_endpoint;
  KvsAwsCall *call;
  KvsSession *session;
  gboolean session_is_open; /* the service has accepted it */
  gboolean holds_exit;
  guint64 persisted_before_session;
  guint64 most_bytes; /* that were buffered since memory was given back */
  KvsRetryAction ack_action; /* why the session is being ended, when an Ack was the reason */
  gboolean ack_action_set;
  gboolean ack_was_told;
  KvsServiceError *ack_error; /* the same as the service said it */
  guint n_tag_tries;
  guint n_failures; /* in a row */
  gint64 last_warning_us;
  gint64 warning_interval_us;
  gint64 last_drop_warning_us;
  gint64 last_late_warning_us;
  gint64 last_spool_warning_us;
  KvsLoopTimer *retry_timer;
  KvsLoopTimer *contact_timer;
  KvsLoopTimer *finish_timer;
  KvsLoopTimer *session_timer;
  KvsLoopTimer *feed_timer;
  KvsLoopTimer *spool_timer;
};

/* Takes the next step, unless one is under way. */
void kvs_producer_advance (KvsProducer *producer);
/* Returns: whether there are credentials now; else kvs_producer_advance() follows. */
gboolean kvs_producer_ensure_credentials (KvsProducer *producer);
/* Asks the source for others than those the service has refused; what follows is up to the answer.
 * Returns: whether there is a source to ask. */
gboolean kvs_producer_replace_credentials (KvsProducer *producer,
                                           const KvsServiceError *service_error,
                                           const GError *error);
void kvs_producer_stop_waiting_for_credentials (KvsProducer *producer);
void kvs_producer_close_credentials (KvsProducer *producer);
/* Returns: how long a Session may last, in microseconds. */
gint64 kvs_producer_get_session_us (KvsProducer *producer, gint64 max_us);
/* Warns if nothing was heard of the service soon. */
void kvs_producer_expect_contact (KvsProducer *producer);
void kvs_producer_mark_contact (KvsProducer *producer);
/* Something was stored: the next failure is the first one. */
void kvs_producer_mark_progress (KvsProducer *producer);
/* Unless that was done not long ago. */
void kvs_producer_warn_sometimes (KvsProducer *producer, const KvsServiceError *service_error,
                                  const GError *error);
/* With what the buffer has, as soon as there is something. */
void kvs_producer_start_session (KvsProducer *producer);
/* Not from inside a libcurl callback. May free the producer. */
void kvs_producer_stop (KvsProducer *producer);
void kvs_producer_wait (KvsProducer *producer, gint64 delay_us);
void kvs_producer_fail (KvsProducer *producer, const KvsServiceError *service_error,
                        const GError *error);
/* For a failure that nothing but time can mend. */
void kvs_producer_give_up_or_wait (KvsProducer *producer, KvsRetryAction action,
                                   const KvsServiceError *service_error, const GError *error);
/* What every failed call and Session comes to. Not from inside a libcurl callback. */
void kvs_producer_handle_failure (KvsProducer *producer, KvsRetryAction action,
                                  const KvsServiceError *service_error, const GError *error);
/* Whether nobody waits for what is not delivered, since it is safe on disk. */
gboolean kvs_producer_leaves_rest_to_spool (const KvsProducer *producer);
void kvs_producer_give_up_delivery (KvsProducer *producer, const gchar *when);
void kvs_producer_handle_call_failure (KvsProducer *producer, const KvsServiceError *service_error,
                                       const GError *error);

void kvs_producer_tell_drained (KvsProducer *producer);
/* All is delivered, or as much as there is time for: the disk has the last word. */
void kvs_producer_finish_up (KvsProducer *producer);
void kvs_producer_update_exit_hold (KvsProducer *producer);
void kvs_producer_open_spool (KvsProducer *producer);
/* From now on, until the timer is cancelled, if there is a spool. */
void kvs_producer_watch_spool (KvsProducer *producer);
/* How many frames there are to tell about; 0 while the last time is not long ago. */
gint kvs_producer_take_untold (gint *n_untold, gint64 *last_us);
void kvs_producer_tell_drops (KvsProducer *producer);
void kvs_producer_tell_late (KvsProducer *producer);
/* Does what the feed asks for; any thread. */
void kvs_producer_handle_effect (KvsProducer *producer, KvsFeedEffect *effect);

/* The data endpoint may not be the right one any more: asks again. */
void kvs_producer_forget_endpoint (KvsProducer *producer);
/* What the stream has otherwise, once all that is known; to be called where a part of it comes. */
void kvs_producer_tell_differences (KvsProducer *producer);
/* Starts the call of the control plane that is due; returns whether there is one to wait for. */
gboolean kvs_producer_set_up (KvsProducer *producer);

G_END_DECLS
