/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What ingest.c (the session, and what its bytes belong to), ingest-fragment.c (the fragment that is
 * being received) and ingest-rules.c (what it is held to) share. */
#pragma once

#include "ingest/fragment-tags.h"
#include "ingest/ingest.h"
#include "ingest/mkv-header.h"
#include "mkv/ebml-reader.h"
#include "store/fragment-writer.h"

G_BEGIN_DECLS

/* Frames of one track in the open fragment, in units of the timecode scale */
typedef struct {
  guint n_frames;
  gint64 first;
  gint64 last;
} KvsLocalTrackSpan;

/* What the bytes that arrive belong to */
typedef enum {
  KVS_LOCAL_TARGET_NONE,
  KVS_LOCAL_TARGET_HEADER,
  KVS_LOCAL_TARGET_TAGS,
  KVS_LOCAL_TARGET_FRAGMENT,
} KvsLocalIngestTarget;

/* The fragment that is being received */
typedef struct {
  gboolean is_open;
  gboolean has_timecode; /* and so a number */
  gboolean is_dropped;   /* the rest of it is passed over; the ERROR ack waits for the timecode */
  KvsLocalAckError drop_error;
  gboolean is_closed;    /* of known size, and whole */
  gboolean has_bad_tags;
  KvsLocalAckError tag_error;
  guint events;
  KvsLocalFragment info;
  guint64 cluster_bytes;
  KvsLocalTrackSpan spans[KVS_LOCAL_MAX_TRACKS];
  gint64 first, last; /* of all tracks */
  gboolean has_frames;
  KvsLocalFragmentWriter *writer;
} KvsLocalOpenFragment;

struct _KvsLocalIngest {
  KvsLocalStore *store;
  KvsLocalStream *stream;
  KvsLocalIngestConfig config;
  KvsLocalAckFunc ack;
  gpointer user_data;
  KvsEbmlReader *reader;
  KvsLocalMkvHeader header;
  KvsLocalFragmentTags tags;
  KvsLocalOpenFragment fragment;
  KvsLocalIngestTarget target;
  gboolean had_cluster;
  guint64 sequence;
  gboolean has_previous;
  guint64 previous_timecode;
  gint64 previous_last;
  gboolean is_over;
};

/* ingest.c */
gboolean kvs_local_ingest_end_session (KvsLocalIngest *ingest, KvsLocalAckError why,
                                       GError **error);

/* ingest-fragment.c */
void kvs_local_ingest_send_ack (KvsLocalIngest *ingest, KvsLocalAckType type,
                                KvsLocalAckError error);
void kvs_local_ingest_open_fragment (KvsLocalIngest *ingest);
void kvs_local_ingest_append (KvsLocalIngest *ingest, gconstpointer data, gsize size);
gboolean kvs_local_ingest_take_timecode (KvsLocalIngest *ingest, const guint8 *payload, gsize size,
                                         GError **error);
gboolean kvs_local_ingest_take_block (KvsLocalIngest *ingest, const guint8 *payload, gsize size,
                                      GError **error);
gboolean kvs_local_ingest_complete_fragment (KvsLocalIngest *ingest, GError **error);
void kvs_local_ingest_reset_fragment (KvsLocalIngest *ingest);

/* ingest-rules.c */
gboolean kvs_local_ingest_scale_to_ms (const KvsLocalIngest *ingest, guint64 units, gint64 *ms);
gboolean kvs_local_ingest_check_size (const KvsLocalIngest *ingest, KvsLocalAckError *why);
gboolean kvs_local_ingest_check_timecode (const KvsLocalIngest *ingest, gint64 *producer_ms,
                                          KvsLocalAckError *why);
gboolean kvs_local_ingest_check_frame (const KvsLocalIngest *ingest, gint track, gint64 at,
                                       KvsLocalAckError *why);
gboolean kvs_local_ingest_check_tracks (const KvsLocalIngest *ingest, KvsLocalAckError *why);

G_END_DECLS
