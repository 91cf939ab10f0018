/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "store/write-behind.h"

#include <errno.h>
#include <unistd.h>

/* More would only leave the processor's cache before they are written. */
#define MAX_WAITING 16

typedef struct {
  KvsLocalBehindFile *file;
  guint8 *buffer;
  gsize size;
  guint64 offset;
} Job;

/* The lock guards what follows it, and the private members of files. */
struct _KvsLocalWriteBehind {
  GThread *thread;
  GMutex lock;
  GCond job_came;
  GCond job_done;
  Job jobs[MAX_WAITING]; /* a ring */
  guint first_job;
  guint n_jobs;
  GPtrArray *buffers; /* that nobody uses */
  gboolean is_over;
};

static int
write_all (const Job *job)
{
  gsize done = 0;

  while (done < job->size) {
    gssize n_written = pwrite (job->file->fd, job->buffer + done, job->size - done,
                               (off_t) (job->offset + done));

    if (n_written >= 0)
      done += (gsize) n_written;
    else if (errno != EINTR)
      return errno;
  }
  return 0;
}

/* Called with the lock, which is free while it writes. */
static void
run_job (KvsLocalWriteBehind *behind, const Job *job)
{
  int error;

  g_mutex_unlock (&behind->lock);
  error = write_all (job);
  g_mutex_lock (&behind->lock);
  if (job->file->error == 0)
    job->file->error = error;
  job->file->n_pending--;
  if (behind->buffers->len < MAX_WAITING)
    g_ptr_array_add (behind->buffers, job->buffer);
  else
    g_free (job->buffer);
  g_cond_signal (&behind->job_done);
}

static void
run_first_job (KvsLocalWriteBehind *behind)
{
  const Job job = behind->jobs[behind->first_job];

  behind->first_job = (behind->first_job + 1) % MAX_WAITING;
  behind->n_jobs--;
  run_job (behind, &job);
}

static gpointer
run (gpointer user_data)
{
  KvsLocalWriteBehind *behind = user_data;

  g_mutex_lock (&behind->lock);
  while (!behind->is_over) {
    if (behind->n_jobs > 0)
      run_first_job (behind);
    else
      g_cond_wait (&behind->job_came, &behind->lock);
  }
  g_mutex_unlock (&behind->lock);
  return NULL;
}

/**
 * kvs_local_write_behind_new:
 *
 * Returns: (transfer full): a thread that has nothing to do yet
 */
KvsLocalWriteBehind *
kvs_local_write_behind_new (void)
{
  KvsLocalWriteBehind *behind = g_new0 (KvsLocalWriteBehind, 1);

  g_mutex_init (&behind->lock);
  g_cond_init (&behind->job_came);
  g_cond_init (&behind->job_done);
  behind->buffers = g_ptr_array_new_with_free_func (g_free);
  behind->thread = g_thread_new ("write-behind", run, behind);
  return behind;
}

/**
 * kvs_local_write_behind_free:
 * @behind: (transfer full) (nullable): with nothing left to write
 */
void
kvs_local_write_behind_free (KvsLocalWriteBehind *behind)
{
  if (behind == NULL)
    return;
  g_mutex_lock (&behind->lock);
  behind->is_over = TRUE;
  g_cond_signal (&behind->job_came);
  g_mutex_unlock (&behind->lock);
  g_thread_join (behind->thread);
  g_ptr_array_unref (behind->buffers);
  g_cond_clear (&behind->job_done);
  g_cond_clear (&behind->job_came);
  g_mutex_clear (&behind->lock);
  g_free (behind);
}

/**
 * kvs_local_write_behind_take_buffer:
 * @behind: the thread
 *
 * Returns: (transfer full): room for %KVS_LOCAL_WRITE_BYTES
 */
guint8 *
kvs_local_write_behind_take_buffer (KvsLocalWriteBehind *behind)
{
  guint8 *buffer = NULL;

  g_mutex_lock (&behind->lock);
  if (behind->buffers->len > 0)
    buffer = g_ptr_array_steal_index_fast (behind->buffers, behind->buffers->len - 1);
  g_mutex_unlock (&behind->lock);
  return buffer != NULL ? buffer : g_malloc (KVS_LOCAL_WRITE_BYTES);
}

/**
 * kvs_local_write_behind_put:
 * @behind: the thread
 * @file: where to write
 * @buffer: (transfer full): from kvs_local_write_behind_take_buffer()
 * @size: bytes in it
 * @offset: where they go in the file
 *
 * Has them written. Where too much waits already, this writes them itself.
 *
 * Returns: 0, or the errno value of an earlier write to that file
 */
int
kvs_local_write_behind_put (KvsLocalWriteBehind *behind, KvsLocalBehindFile *file, guint8 *buffer,
                            gsize size, guint64 offset)
{
  const Job job = { file, buffer, size, offset };
  int error;

  g_mutex_lock (&behind->lock);
  file->n_pending++;
  if (behind->n_jobs < MAX_WAITING) {
    behind->jobs[(behind->first_job + behind->n_jobs++) % MAX_WAITING] = job;
    g_cond_signal (&behind->job_came);
  } else {
    run_job (behind, &job);
  }
  error = file->error;
  g_mutex_unlock (&behind->lock);
  return error;
}

/**
 * kvs_local_write_behind_wait:
 * @behind: the thread
 * @file: a file
 *
 * Waits until all that was put is written to that file.
 *
 * Returns: 0, or the errno value of the first write that failed
 */
int
kvs_local_write_behind_wait (KvsLocalWriteBehind *behind, KvsLocalBehindFile *file)
{
  int error;

  g_mutex_lock (&behind->lock);
  while (file->n_pending > 0) {
    if (behind->n_jobs > 0)
      run_first_job (behind);
    else
      g_cond_wait (&behind->job_done, &behind->lock);
  }
  error = file->error;
  g_mutex_unlock (&behind->lock);
  return error;
}
