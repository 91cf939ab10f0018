/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* KvsSpoolTurn: those of one process that want the same spool have it one after the other, in the
 * order in which they came. An element that goes from READY to PLAYING again comes before its last
 * run has put away what it could not deliver. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

typedef struct _KvsSpoolTurn KvsSpoolTurn;

KvsSpoolTurn *kvs_spool_turn_new (const gchar *folder, const gchar *stream_name);
gboolean kvs_spool_turn_wait (KvsSpoolTurn *turn, gint64 timeout_us);
void kvs_spool_turn_free (KvsSpoolTurn *turn);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (KvsSpoolTurn, kvs_spool_turn_free)

G_END_DECLS
