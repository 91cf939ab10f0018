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
