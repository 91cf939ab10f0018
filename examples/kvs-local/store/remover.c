/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "store/remover.h"

#include <glib/gstdio.h>

#define FILES_AT_ONCE 256

struct _KvsLocalRemover {
  GThreadPool *pool;
  gint is_over; /* atomic */
};

/* What is to go: a whole folder, which has @dir, or files of one, which have @names. */
typedef struct {
  gchar *folder;
  GDir *dir;        /* what is left in the folder, which goes last; NULL if it stays */
  GPtrArray *names; /* of the files that go; NULL if all do */
  guint n_taken;    /* of the names */
} Job;

static void
job_free (Job *job)
{
  g_free (job->folder);
  g_clear_pointer (&job->dir, g_dir_close);
  g_clear_pointer (&job->names, g_ptr_array_unref);
  g_free (job);
}

static const gchar *
next_name (Job *job)
{
  if (job->dir != NULL)
    return g_dir_read_name (job->dir);
  return job->n_taken < job->names->len ? g_ptr_array_index (job->names, job->n_taken++) : NULL;
}

/* Gives whether that was all. */
static gboolean
remove_some (Job *job)
{
  for (guint i = 0; i < FILES_AT_ONCE; i++) {
    const gchar *name = next_name (job);
    g_autofree gchar *path = NULL;

    if (name == NULL) {
      if (job->dir != NULL)
        g_rmdir (job->folder);
      return TRUE;
    }
    path = g_build_filename (job->folder, name, NULL);
    g_unlink (path);
  }
  return FALSE;
}

static void
run (gpointer data, gpointer user_data)
{
  KvsLocalRemover *remover = user_data;
  Job *job = data;

  while (!g_atomic_int_get (&remover->is_over) && !remove_some (job))
    continue;
  job_free (job);
}

/* The thread may have been busy with the same folder, which makes no difference. */
static void
take (KvsLocalRemover *remover, const gchar *folder, GDir *dir, GPtrArray *names)
{
  Job *job = g_new0 (Job, 1);

  job->folder = g_strdup (folder);
  job->dir = dir;
  job->names = names;
  if (remove_some (job))
    job_free (job);
  else
    g_thread_pool_push (remover->pool, job, NULL);
}

/**
 * kvs_local_remover_new:
 *
 * Returns: (transfer full): a remover with nothing to do
 */
KvsLocalRemover *
kvs_local_remover_new (void)
{
  KvsLocalRemover *remover = g_new0 (KvsLocalRemover, 1);

  remover->pool = g_thread_pool_new (run, remover, 1, FALSE, NULL);
  return remover;
}

/**
 * kvs_local_remover_free:
 * @remover: (transfer full) (nullable): a remover
 *
 * What it has not come to yet stays.
 */
void
kvs_local_remover_free (KvsLocalRemover *remover)
{
  if (remover == NULL)
    return;
  g_atomic_int_set (&remover->is_over, TRUE);
  g_thread_pool_free (remover->pool, FALSE, TRUE);
  g_free (remover);
}

/**
 * kvs_local_remover_take_folder:
 * @remover: a remover
 * @folder: path of a folder of files
 *
 * Takes it away with all that is in it. What cannot be removed stays.
 */
void
kvs_local_remover_take_folder (KvsLocalRemover *remover, const gchar *folder)
{
  GDir *dir = g_dir_open (folder, 0, NULL);

  if (dir != NULL)
    take (remover, folder, dir, NULL);
}

/**
 * kvs_local_remover_take_files:
 * @remover: a remover
 * @folder: where they are
 * @names: (transfer full) (element-type utf8): of files, which may be gone already
 */
void
kvs_local_remover_take_files (KvsLocalRemover *remover, const gchar *folder, GPtrArray *names)
{
  take (remover, folder, NULL, names);
}
