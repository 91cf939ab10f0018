/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A process that ends waits for the I/O thread, whoever let go of the loop. */
#include "net/loop.h"

#include <check.h>
#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../suite.h"

#define SLOW_US (G_USEC_PER_SEC / 5)
#define WORDS "thread ended"

static int out_fd;
static gint is_ending;

static gpointer
begin (KvsLoop *loop)
{
  return loop;
}

static void
end_slowly (gpointer data)
{
  g_atomic_int_set (&is_ending, TRUE);
  g_usleep (SLOW_US);
  if (write (out_fd, WORDS, strlen (WORDS)) < 0)
    _exit (1);
}

/* OpenSSL gives each thread a generator of its own, which a thread that is left behind loses. */
static void
use (gpointer user_data)
{
  guint8 byte;

  RAND_bytes (&byte, 1);
  kvs_loop_shared (user_data, "slow", begin, end_slowly);
}

static void
wait_until_ending (void)
{
  while (!g_atomic_int_get (&is_ending))
    g_usleep (1000);
}

static void
let_go (gpointer user_data)
{
  kvs_loop_release (user_data);
}

static gpointer
let_go_in_thread (gpointer data)
{
  kvs_loop_release (data);
  return NULL;
}

static void
let_go_on_io_thread (void)
{
  KvsLoop *loop = kvs_loop_acquire ();

  kvs_loop_invoke (loop, use, loop);
  kvs_loop_invoke (loop, let_go, loop);
  wait_until_ending ();
}

static void
let_go_and_begin_anew (void)
{
  let_go_on_io_thread ();
  kvs_loop_acquire ();
}

static void
let_go_on_other_thread (void)
{
  KvsLoop *loop = kvs_loop_acquire ();

  kvs_loop_invoke (loop, use, loop);
  g_thread_unref (g_thread_new ("other", let_go_in_thread, loop));
  wait_until_ending ();
}

static void (*const ways[]) (void) = {
  let_go_on_io_thread,
  let_go_and_begin_anew,
  let_go_on_other_thread,
};

START_TEST (test_exit_waits)
{
  gchar said[sizeof WORDS + 1] = "";
  int fds[2], status;
  pid_t child;

  ck_assert_int_eq (pipe (fds), 0);
  child = fork ();
  ck_assert_int_ge (child, 0);
  if (child == 0) {
    out_fd = fds[1];
    ways[_i] ();
    exit (0);
  }
  close (fds[1]);
  ck_assert_int_eq (waitpid (child, &status, 0), child);
  ck_assert_int_eq (status, 0);
  ck_assert_int_eq (read (fds[0], said, sizeof said - 1), (ssize_t) strlen (WORDS));
  ck_assert_str_eq (said, WORDS);
  close (fds[0]);
}
END_TEST

int
main (void)
{
  Suite *s = suite_create ("loop-exit");
  TCase *tc = tcase_create ("loop-exit");

  tcase_set_timeout (tc, 120);
  tcase_add_loop_test (tc, test_exit_waits, 0, G_N_ELEMENTS (ways));
  suite_add_tcase (s, tc);
  return run_suite (s);
}
