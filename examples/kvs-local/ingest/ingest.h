/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The body of a PutMedia request: takes it apart into fragments, holds it to the rules (kvs-api.md
 * sections 6 to 8), stores the fragments and acknowledges them.
 *
 * What breaks a rule, and what follows:
 *
 *   4000 STREAM_READ_ERROR       body breaks off, or pauses too long in a fragment session ends
 *   4001 MAX_FRAGMENT_SIZE       Cluster larger than 50 MB                         fragment dropped
 *   4002 MAX_FRAGMENT_DURATION   frames span more than 20 s                        fragment dropped
 *   4003 MAX_CONNECTION_DURATION session older than 45 min                         session ends
 *   4004 TIMECODE_LESSER         Cluster timecode, or any frame, not after those
 *                                of the fragment stored before                     fragment dropped
 *   4006 INVALID_MKV_DATA        not EBML; elements out of place; a second
 *                                Segment, Info or Tracks; Cluster without
 *                                Timecode; broken block                            session ends
 *   4007 PRODUCER_TIMESTAMP      years in the future, or beyond what can be said   fragment dropped
 *   4008 STREAM_NOT_ACTIVE       stream was deleted                                session ends
 *   4009 METADATA_LIMIT          more than 10 tags, name > 128, value > 256 bytes  fragment dropped
 *   4010 TRACK_NUMBER_MISMATCH   frame of a track that is not declared             fragment dropped
 *   4011 FRAMES_MISSING          declared track without a frame                    fragment dropped
 *   4012 MORE_THAN_ALLOWED_TRACKS  more than 3 tracks                              session ends
 *   4012 INVALID_METADATA        tag name that is reserved, missing or not UTF-8   fragment dropped
 *   5001 ARCHIVAL_ERROR          disk or index                                     fragment dropped
 *
 * How the real service goes on after each is not known (kvs-api.md section 22, question 2): here
 * reading goes on as long as the next Cluster can be found without doubt. Tags belong to the
 * fragment after them, as documented; older captures have them with the one before (section 10). */
#pragma once

#include <glib.h>

#include "api/ack.h"
#include "deliver/deliver.h"
#include "store/store.h"

G_BEGIN_DECLS

/**
 * KvsLocalAckFunc:
 * @ack: an ack to be sent; valid until the function returns
 * @user_data: from kvs_local_ingest_new()
 */
typedef void (*KvsLocalAckFunc) (const KvsLocalAck *ack, gpointer user_data);

/**
 * KvsLocalIngestConfig:
 * @is_relative: x-amzn-fragment-timecode-type is RELATIVE
 * @start_ms: x-amzn-producer-start-timestamp
 * @max_fragment_bytes: largest Cluster
 * @deliver: (nullable): who does what fragments ask for
 */
typedef struct {
  gboolean is_relative;
  gint64 start_ms;
  guint64 max_fragment_bytes;
  KvsLocalDeliver *deliver;
} KvsLocalIngestConfig;

typedef struct _KvsLocalIngest KvsLocalIngest;

KvsLocalIngest *kvs_local_ingest_new (KvsLocalStore *store, KvsLocalStream *stream,
                                      const KvsLocalIngestConfig *config, KvsLocalAckFunc ack,
                                      gpointer user_data);
void kvs_local_ingest_free (KvsLocalIngest *ingest);
gboolean kvs_local_ingest_push (KvsLocalIngest *ingest, const guint8 *data, gsize size);
void kvs_local_ingest_finish (KvsLocalIngest *ingest);
void kvs_local_ingest_abort (KvsLocalIngest *ingest, KvsLocalAckError why);
void kvs_local_ingest_time_out (KvsLocalIngest *ingest);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (KvsLocalIngest, kvs_local_ingest_free)

G_END_DECLS
