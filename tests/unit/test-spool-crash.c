/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* kill -9 at random moments while Fragments are written through. Each append is told over a pipe
 * once it has returned; all that was told has to be there afterwards, and nothing half. */
#include <check.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../suite.h"
#include "media.h"
#include "spool-rig.h"

#define N_KILLS 100
#define FRAMES_PER_FRAGMENT 6
#define MAX_FRAGMENTS 400
/* of several pages, so that a kill may come in the middle of a write */
#define PAYLOAD_BYTES 300000

/* What a child says: so many frames of this Fragment have been written. */
typedef struct {
  guint32 fragment;
  guint32 n_frames; /* of it */
  guint32 committed;
} Told;

static void
tell (int fd, guint32 fragment, guint32 n_frames, guint32 committed)
{
  const Told told = { fragment, n_frames, committed };

  /* shorter than PIPE_BUF, so whole or not at all */
  if (write (fd, &told, sizeof told) != (gssize) sizeof told)
    _exit (1);
}

static guint64
timecode_of (guint fragment)
{
  return SPOOL_RIG_EPOCH_MS + fragment * 1000;
}

/* Never returns. Between two Fragments that grow goes one that is written as a whole. */
static void
write_until_killed (SpoolRig *rig, int fd)
{
  KvsSpoolStore *store = kvs_spool_store_open (rig->folder, SPOOL_RIG_STREAM, G_MAXUINT64, NULL);

  if (store == NULL)
    _exit (2);
  for (guint fragment = 0; fragment < MAX_FRAGMENTS; fragment++) {
    KvsSpoolTimes times = spool_rig_times (timecode_of (fragment));

    if (fragment % 3 == 2) {
      if (!spool_rig_write (rig, store, timecode_of (fragment), FRAMES_PER_FRAGMENT, PAYLOAD_BYTES,
                            NULL))
        _exit (3);
      tell (fd, fragment, FRAMES_PER_FRAGMENT, TRUE);
      continue;
    }
    if (!kvs_spool_store_begin (store, rig->header, &times, NULL))
      _exit (4);
    for (guint n = 0; n < FRAMES_PER_FRAGMENT; n++) {
      if (!spool_rig_append (rig, store, timecode_of (fragment), n, PAYLOAD_BYTES, NULL))
        _exit (5);
      tell (fd, fragment, n + 1, FALSE);
    }
    if (!spool_rig_commit (store, NULL, NULL))
      _exit (6);
    tell (fd, fragment, FRAMES_PER_FRAGMENT, TRUE);
  }
  /* a parent that is slow to kill */
  pause ();
  _exit (7);
}

/* Kills after a random number of appends and some time in the next one. Gives the last that was
 * told. */
static gboolean
kill_one (SpoolRig *rig, GRand *rand, Told *last)
{
  guint n_more = (guint) g_rand_int_range (rand, 0, 4 * FRAMES_PER_FRAGMENT);
  gint fds[2];
  gint status;
  gboolean told = FALSE;
  Told next;
  pid_t pid;

  ck_assert_int_eq (pipe2 (fds, O_CLOEXEC), 0);
  pid = fork ();
  ck_assert_int_ge (pid, 0);
  if (pid == 0) {
    close (fds[0]);
    write_until_killed (rig, fds[1]);
  }
  close (fds[1]);
  for (guint i = 0; i < n_more && read (fds[0], &next, sizeof next) == (gssize) sizeof next; i++) {
    *last = next;
    told = TRUE;
  }
  g_usleep ((gulong) g_rand_int_range (rand, 0, 3000));
  ck_assert_int_eq (kill (pid, SIGKILL), 0);
  ck_assert_int_eq (waitpid (pid, &status, 0), pid);
  ck_assert_msg (WIFSIGNALED (status), "the writer ended by itself with %d", WEXITSTATUS (status));
  while (read (fds[0], &next, sizeof next) == (gssize) sizeof next) {
    *last = next;
    told = TRUE;
  }
  close (fds[0]);
  return told;
}

/* Checks one Fragment that was found, and takes it away. Gives its number of frames. */
static guint
check_fragment (KvsSpoolStore *store, const KvsSpoolEntry *entry, guint number)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (KvsSpoolFragment) fragment = kvs_spool_store_read (store, entry, &error);
  guint n_frames;

  ck_assert_msg (fragment != NULL, "%s", error != NULL ? error->message : "");
  ck_assert_uint_eq (fragment->record.times.timecode, timecode_of (number));
  n_frames = spool_rig_check_frames (fragment->bytes, timecode_of (number), PAYLOAD_BYTES);
  ck_assert_uint_eq (n_frames, fragment->record.extent.n_frames);
  ck_assert_uint_eq (n_frames, entry->n_frames);
  ck_assert (kvs_spool_store_remove (store, entry, NULL));
  return n_frames;
}

/* The Fragments have to be 0, 1, 2 and so on, all but the last one whole, and reach to at least
 * what was told. What was written but not told yet may be there too. */
static guint
check_all (KvsSpoolStore *store, const Told *last)
{
  KvsSpoolEntry entry = { 0 };
  guint number = 0;
  guint n_frames = FRAMES_PER_FRAGMENT;

  while (kvs_spool_store_next (store, NULL, &entry)) {
    ck_assert_uint_eq (n_frames, FRAMES_PER_FRAGMENT);
    n_frames = check_fragment (store, &entry, number);
    number++;
  }
  if (last == NULL)
    return n_frames;
  ck_assert_uint_ge (number, last->fragment + 1);
  ck_assert_uint_le (number, last->fragment + 2);
  if (number == last->fragment + 1)
    ck_assert_uint_ge (n_frames, last->n_frames);
  return n_frames;
}

START_TEST (test_kill_at_any_moment)
{
  g_autoptr (SpoolRig) rig = spool_rig_new ();
  g_autoptr (GRand) rand = g_rand_new_with_seed (4);
  guint n_cut = 0;
  guint n_recovered = 0;

  for (guint i = 0; i < N_KILLS; i++) {
    g_autoptr (KvsSpoolStore) store = NULL;
    Told last;
    gboolean told = kill_one (rig, rand, &last);
    KvsSpoolStats stats;

    store = spool_rig_open (rig, G_MAXUINT64);
    kvs_spool_store_get_stats (store, &stats);
    ck_assert_uint_le (stats.n_recovered, 1);
    n_recovered += (guint) stats.n_recovered;
    if (check_all (store, told ? &last : NULL) < FRAMES_PER_FRAGMENT)
      n_cut++;
  }
  g_print ("%u kills: %u left an unfinished fragment, %u of those were cut short; no frame lost\n",
           N_KILLS, n_recovered, n_cut);
  ck_assert_uint_gt (n_cut, 0);
}
END_TEST

int
main (void)
{
  Suite *s = suite_create ("spool-crash");
  TCase *tc = tcase_create ("spool-crash");

  tcase_set_timeout (tc, 110);
  tcase_add_test (tc, test_kill_at_any_moment);
  suite_add_tcase (s, tc);
  return run_suite (s);
}
