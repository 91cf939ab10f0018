/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A thread that writes to files while the main thread takes the next bytes from the network: half
 * of what a byte costs is the kernel's work for the file. The main thread helps when it would have
 * to wait. All functions are for the main thread. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

#define KVS_LOCAL_WRITE_BYTES (128 * 1024)

typedef struct _KvsLocalWriteBehind KvsLocalWriteBehind;

/**
 * KvsLocalBehindFile:
 * @fd: where to write; open until kvs_local_write_behind_wait() has returned
 */
typedef struct {
  int fd;
  /*< private >*/
  guint n_pending;
  int error;
} KvsLocalBehindFile;

KvsLocalWriteBehind *kvs_local_write_behind_new (void);
void kvs_local_write_behind_free (KvsLocalWriteBehind *behind);
guint8 *kvs_local_write_behind_take_buffer (KvsLocalWriteBehind *behind);
int kvs_local_write_behind_put (KvsLocalWriteBehind *behind, KvsLocalBehindFile *file,
                                guint8 *buffer, gsize size, guint64 offset);
int kvs_local_write_behind_wait (KvsLocalWriteBehind *behind, KvsLocalBehindFile *file);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (KvsLocalWriteBehind, kvs_local_write_behind_free)

G_END_DECLS
