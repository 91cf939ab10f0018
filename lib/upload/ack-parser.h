/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Takes the acknowledgements out of PutMedia's answer (kvs-api.md section 7). */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* FragmentNumber: at most 128 digits */
#define KVS_ACK_FRAGMENT_NUMBER_MAX 128

/* an acknowledgement longer than this is malformed; real ones have some 200 bytes */
#define KVS_ACK_MAX_BYTES 4096

/**
 * KvsAckType:
 * @KVS_ACK_UNKNOWN: an event this version does not know; to be passed over
 * @KVS_ACK_BUFFERING: the fragment's first bytes have arrived
 * @KVS_ACK_RECEIVED: the whole fragment has arrived
 * @KVS_ACK_PERSISTED: the fragment is stored
 * @KVS_ACK_ERROR: see @error_id of #KvsAck
 * @KVS_ACK_IDLE: the session lives, but no media come
 */
typedef enum {
  KVS_ACK_UNKNOWN,
  KVS_ACK_BUFFERING,
  KVS_ACK_RECEIVED,
  KVS_ACK_PERSISTED,
  KVS_ACK_ERROR,
  KVS_ACK_IDLE,
} KvsAckType;

/**
 * KvsAck:
 * @type: what happened
 * @has_timecode: whether the acknowledgement named a fragment
 * @timecode: the fragment's Cluster timecode, in units of the timecode scale
 * @fragment_number: decimal digits, or empty
 * @error_id: 4000 and up for %KVS_ACK_ERROR; 0 where there was none
 * @error_code: the name of the error, or empty; printable ASCII, cut where it is too long
 */
typedef struct {
  KvsAckType type;
  gboolean has_timecode;
  gint64 timecode;
  gchar fragment_number[KVS_ACK_FRAGMENT_NUMBER_MAX + 1];
  guint error_id;
  gchar error_code[64];
} KvsAck;

typedef struct _KvsAckParser KvsAckParser;

/**
 * KvsAckFunc:
 * @ack: valid during the call
 * @user_data: as given to kvs_ack_parser_new()
 *
 * Must neither push to nor free the parser that calls it.
 */
typedef void (*KvsAckFunc) (const KvsAck *ack, gpointer user_data);

KvsAckParser *kvs_ack_parser_new (KvsAckFunc func, gpointer user_data);
void kvs_ack_parser_free (KvsAckParser *parser);
void kvs_ack_parser_push (KvsAckParser *parser, const gchar *data, gsize size);
guint64 kvs_ack_parser_get_malformed_count (const KvsAckParser *parser);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (KvsAckParser, kvs_ack_parser_free)

G_END_DECLS
