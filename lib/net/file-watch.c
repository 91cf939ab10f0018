/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Looks from time to time: inotify is silent about what comes by a mount or over a network, and
 * about a symbolic link's target that is exchanged, which is how Kubernetes renews a file. */
#include "net/file-watch.h"

#include <string.h>
#include <sys/stat.h>

#include "net/worker.h"

typedef struct {
  guint64 device;
  guint64 inode;
  gint64 size;
  gint64 modified_ns;
  gint64 changed_ns;
} State;

typedef struct {
  gchar **paths;
  guint n_paths;
  State *states;
} Look;

struct _KvsFileWatch {
  KvsLoop *loop;
  gchar **paths;
  gint64 interval_us;
  KvsLoopFunc func;
  gpointer user_data;
  State *states; /* at the last look; NULL before the first */
  KvsLoopTimer *timer;
  KvsWork *work;
};

static void
look_free (gpointer data)
{
  Look *look = data;

  g_strfreev (look->paths);
  g_free (look->states);
  g_free (look);
}

static gint64
to_ns (struct timespec time)
{
  return (gint64) time.tv_sec * 1000000000 + time.tv_nsec;
}

static void
look_at_files (gpointer data)
{
  Look *look = data;

  for (guint i = 0; i < look->n_paths; i++) {
    struct stat status;

    if (stat (look->paths[i], &status) < 0)
      continue;
    look->states[i].device = status.st_dev;
    look->states[i].inode = status.st_ino;
    look->states[i].size = status.st_size;
    look->states[i].modified_ns = to_ns (status.st_mtim);
    look->states[i].changed_ns = to_ns (status.st_ctim);
  }
}

static void start_look (gpointer user_data);

static void
on_look_done (gpointer data, gpointer user_data)
{
  Look *look = data;
  KvsFileWatch *watch = user_data;
  gboolean changed = watch->states != NULL
                     && memcmp (watch->states, look->states, look->n_paths * sizeof (State)) != 0;

  watch->work = NULL;
  g_free (watch->states);
  watch->states = g_steal_pointer (&look->states);
  watch->timer = kvs_loop_add_timer (watch->loop, watch->interval_us, start_look, watch);
  if (changed)
    watch->func (watch->user_data); /* which may free the watch */
}

static void
start_look (gpointer user_data)
{
  KvsFileWatch *watch = user_data;
  Look *look = g_new0 (Look, 1);

  watch->timer = NULL;
  look->paths = g_strdupv (watch->paths);
  look->n_paths = g_strv_length (look->paths);
  look->states = g_new0 (State, look->n_paths);
  watch->work = kvs_work_start (watch->loop, look_at_files, look, look_free, on_look_done, watch);
}

/**
 * kvs_file_watch_new:
 * @loop: the loop; the watch holds it
 * @paths: (array zero-terminated=1): what to look at; need not be there
 * @interval_us: how long to wait between two looks
 * @func: called when something is not as at the look before
 * @user_data: for @func
 *
 * The first look comes soon: what changes after the return of this function but before that goes
 * unnoticed, so read the files later. I/O thread only.
 *
 * Returns: (transfer full): a watch
 */
KvsFileWatch *
kvs_file_watch_new (KvsLoop *loop, const gchar *const *paths, gint64 interval_us, KvsLoopFunc func,
                    gpointer user_data)
{
  KvsFileWatch *watch = g_new0 (KvsFileWatch, 1);

  watch->loop = kvs_loop_ref (loop);
  watch->paths = g_strdupv ((gchar **) paths);
  watch->interval_us = interval_us;
  watch->func = func;
  watch->user_data = user_data;
  start_look (watch);
  return watch;
}

/**
 * kvs_file_watch_free:
 * @watch: (transfer full) (nullable): a watch
 *
 * I/O thread only.
 */
void
kvs_file_watch_free (KvsFileWatch *watch)
{
  if (watch == NULL)
    return;
  kvs_loop_cancel_timer (watch->loop, &watch->timer);
  if (watch->work != NULL)
    kvs_work_cancel (watch->work);
  kvs_loop_release (watch->loop);
  g_strfreev (watch->paths);
  g_free (watch->states);
  g_free (watch);
}
