/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A KvsProducer that uploads to a scripted service, and what it tells. */
#pragma once

#include "kvs-service.h"
#include "upload/producer.h"

G_BEGIN_DECLS

#define FRAMES_A_FRAGMENT 5

/**
 * Told: an event with an error.
 */
typedef struct {
  KvsError code;
  gchar *message;
  gchar *aws_type;
  guint http_status;
  guint ack_id;
  gint64 ack_timecode;
} Told;

/**
 * Reconnect: what comes with the event of that name.
 */
typedef struct {
  gint64 delay_us;
  guint n_failures;
} Reconnect;

/**
 * ProducerRig:
 *
 * From @lock on all is under that lock.
 */
typedef struct {
  Service *service;
  KvsStreamDefinition *definition;
  gchar *endpoint; /* %NULL for the service's */
  gchar *data_endpoint; /* %NULL for what the service says */
  gchar *ca_path;
  guint total_timeout_ms;
  KvsProducer *producer;
  guint n_threads_before;
  gint64 frame_ns;
  gboolean is_guest; /* the I/O thread and its connections stay when it goes */
  guint64 next_id;
  KvsTrack *next_track; /* goes with the next frame */

  GMutex lock;
  GPtrArray *warnings; /* of Told */
  GPtrArray *failures; /* of Told */
  GArray *reconnects;  /* of Reconnect */
  guint n_acks, n_error_acks, n_persisted, n_started, n_ended, n_drained, n_destroyed;
  guint n_dropped, n_missing, n_spool_failed, n_spool_works;
} ProducerRig;

ProducerRig *producer_rig_new (gboolean tls);
void producer_rig_start (ProducerRig *rig);
void producer_rig_free (ProducerRig *rig);

void producer_rig_push (ProducerRig *rig, guint n_fragments);
void producer_rig_finish (ProducerRig *rig);
void producer_rig_assert_all_stored (ProducerRig *rig);

gboolean producer_rig_wait (ProducerRig *rig, const guint *counter, guint at_least);
const Told *producer_rig_wait_for_warning (ProducerRig *rig, guint n);
const Told *producer_rig_wait_for_failure (ProducerRig *rig);
Reconnect producer_rig_wait_for_reconnect (ProducerRig *rig, guint n);
guint producer_rig_count_warnings (ProducerRig *rig);

G_END_DECLS
