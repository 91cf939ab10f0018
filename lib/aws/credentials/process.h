/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* KvsProcess: one run of a program, bounded in time and in what it writes. */
#pragma once

#include "error.h"

G_BEGIN_DECLS

#define KVS_PROCESS_MAX_OUTPUT_BYTES (64 * 1024)

typedef struct _KvsProcess KvsProcess;

KvsProcess *kvs_process_new (gchar **argv, gint64 timeout_us);
void kvs_process_free (KvsProcess *process);
gboolean kvs_process_run (KvsProcess *process, GError **error);
void kvs_process_stop (KvsProcess *process);
const gchar *kvs_process_get_output (const KvsProcess *process, gsize *size);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (KvsProcess, kvs_process_free)

G_END_DECLS
