/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Linked into the tests when they are built with -Db_sanitize=thread. GMutex and GCond sit right on
 * futexes, and reference counts are taken inside of GLib, which ThreadSanitizer cannot see in a GLib
 * that was built without it: these tell it. */
#include <dlfcn.h>
#include <glib.h>

#define EXPORT __attribute__ ((visibility ("default")))

void __tsan_acquire (void *address);
void __tsan_release (void *address);

typedef void (*MutexFunc) (GMutex *mutex);
typedef void (*CondWaitFunc) (GCond *cond, GMutex *mutex);
typedef gboolean (*CondWaitUntilFunc) (GCond *cond, GMutex *mutex, gint64 end_time);

static void *
find_real (const char *name, void **where)
{
  void *found = __atomic_load_n (where, __ATOMIC_ACQUIRE);

  if (found == NULL) {
    found = dlsym (RTLD_NEXT, name);
    __atomic_store_n (where, found, __ATOMIC_RELEASE);
  }
  return found;
}

EXPORT void
g_mutex_lock (GMutex *mutex)
{
  static void *real;

  ((MutexFunc) find_real ("g_mutex_lock", &real)) (mutex);
  __tsan_acquire (mutex);
}

EXPORT void
g_mutex_unlock (GMutex *mutex)
{
  static void *real;

  __tsan_release (mutex);
  ((MutexFunc) find_real ("g_mutex_unlock", &real)) (mutex);
}

EXPORT void
g_cond_wait (GCond *cond, GMutex *mutex)
{
  static void *real;

  __tsan_release (mutex);
  ((CondWaitFunc) find_real ("g_cond_wait", &real)) (cond, mutex);
  __tsan_acquire (mutex);
}

EXPORT gboolean
g_cond_wait_until (GCond *cond, GMutex *mutex, gint64 end_time)
{
  static void *real;
  gboolean signalled;

  __tsan_release (mutex);
  signalled = ((CondWaitUntilFunc) find_real ("g_cond_wait_until", &real)) (cond, mutex, end_time);
  __tsan_acquire (mutex);
  return signalled;
}

typedef gboolean (*RefCountDecFunc) (gatomicrefcount *count);

/* In brackets, because it is a macro too. */
EXPORT gboolean (g_atomic_ref_count_dec) (gatomicrefcount *count)
{
  static void *real;
  gboolean was_last;

  __tsan_release (count);
  was_last = ((RefCountDecFunc) find_real ("g_atomic_ref_count_dec", &real)) (count);
  __tsan_acquire (count);
  return was_last;
}

/* ---- thread pools: what is pushed comes to another thread through a queue of GLib's own ---- */

typedef GThreadPool *(*PoolNewFunc) (GFunc func, gpointer user_data, gint max_threads,
                                     gboolean exclusive, GError **error);
typedef gboolean (*PoolPushFunc) (GThreadPool *pool, gpointer data, GError **error);

typedef struct {
  GFunc func;
  gpointer user_data;
} PoolWork; /* lives as long as the test: a pool may outlast g_thread_pool_free() */

static void
run_pool_work (gpointer data, gpointer user_data)
{
  PoolWork *work = user_data;

  __tsan_acquire (data);
  work->func (data, work->user_data);
}

EXPORT GThreadPool *
g_thread_pool_new (GFunc func, gpointer user_data, gint max_threads, gboolean exclusive,
                   GError **error)
{
  static void *real;
  PoolWork *work = g_new (PoolWork, 1);

  work->func = func;
  work->user_data = user_data;
  __tsan_release (work);
  return ((PoolNewFunc) find_real ("g_thread_pool_new", &real)) (run_pool_work, work, max_threads,
                                                                 exclusive, error);
}

EXPORT gboolean
g_thread_pool_push (GThreadPool *pool, gpointer data, GError **error)
{
  static void *real;

  __tsan_release (data);
  return ((PoolPushFunc) find_real ("g_thread_pool_push", &real)) (pool, data, error);
}

/* The links of that queue; the lock in g_strerror() that the first thread makes; and a quark, which two
 * threads may look up at once, to the same end. */
const char *__tsan_default_suppressions (void);

EXPORT const char *
__tsan_default_suppressions (void)
{
  return "race:g_queue_pop_tail\nrace:g_rw_lock_reader_lock\nrace:kvs_error_quark\n";
}
