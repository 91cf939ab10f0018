/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The worker of a spool, what it tells, and Fragments for it: of a stream with one a second. */
#pragma once

#include <glib.h>

#include "stream/spool.h"

G_BEGIN_DECLS

#define SPOOL_WORKER_START_MS G_GINT64_CONSTANT (1700000000000)
#define SPOOL_WORKER_FRAMES 3

/* Events as text, such as "opened 2, stored 1 good", in the order they came. */
typedef struct {
  KvsSpool *spool;
  GMutex lock;
  GString *log;
  gint n_synced; /* atomic */
  GPtrArray *loaded; /* of KvsFragment */
} SpoolWorker;

/* Between spool_worker_setup() and spool_worker_teardown(); of the next worker and Fragment. */
extern gchar *spool_worker_folder;
extern KvsStreamDefinition *spool_worker_definition;
extern KvsSegment *spool_worker_segment;

void spool_worker_setup (void);
void spool_worker_teardown (void);

SpoolWorker *spool_worker_new (void);
void spool_worker_free (SpoolWorker *worker);
void spool_worker_close (SpoolWorker *worker);
gboolean spool_worker_is_free (gpointer user_data); /* for wait_until() */

/* Waits until all is done that was asked for. */
void spool_worker_settle (SpoolWorker *worker);
/* The same; then this is what has been told, which is forgotten. */
void spool_worker_expect (SpoolWorker *worker, const gchar *events);

/* The numbers of Fragments are their ids. */
GBytes *spool_worker_header (guint n_tracks);
KvsFragment *spool_worker_fragment (guint number);
void spool_worker_store (SpoolWorker *worker, guint number);
void spool_worker_release (SpoolWorker *worker, guint number);
void spool_worker_grow (SpoolWorker *worker, guint number);

/* Names of the files of whole Fragments, in order. */
GPtrArray *spool_worker_list_files (void);
guint spool_worker_count_files (void);
void spool_worker_damage_file (guint index);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (SpoolWorker, spool_worker_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (KvsFragment, kvs_fragment_unref)

G_END_DECLS
