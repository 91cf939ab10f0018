/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "net/sockets.h"

#include <check.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../suite.h"

static int epoll_fd;
static int pair[2];
static KvsSockets *sockets;

static void
setup (void)
{
  epoll_fd = epoll_create1 (EPOLL_CLOEXEC);
  ck_assert_int_ge (epoll_fd, 0);
  ck_assert_int_eq (socketpair (AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
  sockets = kvs_sockets_new (epoll_fd);
}

static void
teardown (void)
{
  kvs_sockets_free (sockets);
  close (pair[0]);
  close (pair[1]);
  close (epoll_fd);
}

/* What the kernel says of our end at this moment. */
static guint32
ready_events (void)
{
  struct epoll_event event = { 0 };

  if (epoll_wait (epoll_fd, &event, 1, 0) == 0)
    return 0;
  ck_assert_int_eq (event.data.fd, pair[0]);
  return event.events;
}

static guint
take_all_writers (void)
{
  guint n = 0;
  int fd;

  while (kvs_sockets_take_writer (sockets, &fd)) {
    ck_assert_int_eq (fd, pair[0]);
    n++;
  }
  return n;
}

static void
let_it_read (void)
{
  kvs_sockets_watch (sockets, pair[0], TRUE, FALSE);
  kvs_sockets_apply (sockets);
}

START_TEST (test_reader)
{
  let_it_read ();
  ck_assert_uint_eq (ready_events (), 0);
  ck_assert_int_eq (write (pair[1], "x", 1), 1);
  ck_assert_uint_eq (ready_events (), EPOLLIN);
}
END_TEST

/* It may not even be connected. */
START_TEST (test_new_socket_is_not_tried)
{
  kvs_sockets_watch (sockets, pair[0], TRUE, TRUE);
  ck_assert_uint_eq (take_all_writers (), 0);
  kvs_sockets_apply (sockets);
  ck_assert_uint_eq (ready_events (), EPOLLOUT);
}
END_TEST

/* Each burst of a paced upload. */
START_TEST (test_burst_without_epoll)
{
  int fd;

  let_it_read ();
  for (guint i = 0; i < 10; i++) {
    kvs_sockets_watch (sockets, pair[0], TRUE, TRUE);
    ck_assert (kvs_sockets_take_writer (sockets, &fd));
    ck_assert_int_eq (fd, pair[0]);
    kvs_sockets_watch (sockets, pair[0], TRUE, FALSE);
    ck_assert_uint_eq (take_all_writers (), 0);
    kvs_sockets_apply (sockets);
    ck_assert_uint_eq (ready_events (), 0);
  }
}
END_TEST

START_TEST (test_blocked_writer_is_left_to_epoll)
{
  guint n;

  let_it_read ();
  kvs_sockets_watch (sockets, pair[0], TRUE, TRUE);
  n = take_all_writers ();
  ck_assert_uint_ge (n, 1);
  ck_assert_uint_le (n, 16);
  kvs_sockets_apply (sockets);
  ck_assert_uint_eq (take_all_writers (), 0);
  ck_assert_uint_eq (ready_events (), EPOLLOUT);
  /* what libcurl says again and again changes nothing */
  kvs_sockets_watch (sockets, pair[0], TRUE, TRUE);
  ck_assert_uint_eq (take_all_writers (), 0);
  kvs_sockets_apply (sockets);
  ck_assert_uint_eq (ready_events (), EPOLLOUT);
}
END_TEST

START_TEST (test_forgotten_at_once)
{
  let_it_read ();
  ck_assert_int_eq (write (pair[1], "x", 1), 1);
  kvs_sockets_forget (sockets, pair[0]);
  ck_assert_uint_eq (ready_events (), 0);
  kvs_sockets_apply (sockets);
  ck_assert_uint_eq (ready_events (), 0);
}
END_TEST

START_TEST (test_number_is_used_again)
{
  int old = pair[0];
  int other[2];

  let_it_read ();
  kvs_sockets_forget (sockets, old);
  close (old);
  close (pair[1]);
  ck_assert_int_eq (socketpair (AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, other), 0);
  ck_assert_int_eq (dup2 (other[0], old), old);
  if (other[0] != old)
    close (other[0]);
  pair[0] = old;
  pair[1] = other[1];
  /* nothing is known of this one */
  kvs_sockets_watch (sockets, old, TRUE, TRUE);
  ck_assert_uint_eq (take_all_writers (), 0);
  kvs_sockets_apply (sockets);
  ck_assert_uint_eq (ready_events (), EPOLLOUT);
}
END_TEST

/* libcurl tells of the end after it has closed the socket. */
START_TEST (test_closed_before_forgotten)
{
  int other[2];

  let_it_read ();
  close (pair[0]);
  kvs_sockets_forget (sockets, pair[0]);
  ck_assert_int_eq (socketpair (AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, other), 0);
  close (pair[1]);
  pair[0] = other[0];
  pair[1] = other[1];
  let_it_read ();
  ck_assert_int_eq (write (pair[1], "x", 1), 1);
  ck_assert_uint_eq (ready_events (), EPOLLIN);
}
END_TEST

/* ---- patient ones ---- */

static guint
count_ready_patient (void)
{
  const GArray *ready = kvs_sockets_find_ready_patient (sockets);

  for (guint i = 0; i < ready->len; i++)
    ck_assert_int_eq (g_array_index (ready, gint, i), pair[0]);
  return ready->len;
}

static void
set_patient (gboolean patient)
{
  kvs_sockets_set_patient (sockets, pair[0], patient);
  kvs_sockets_apply (sockets);
}

START_TEST (test_patient_reader)
{
  gchar byte;

  let_it_read ();
  ck_assert (!kvs_sockets_is_patient (sockets, pair[0]));
  set_patient (TRUE);
  ck_assert (kvs_sockets_is_patient (sockets, pair[0]));
  ck_assert_uint_eq (count_ready_patient (), 0);
  ck_assert_int_eq (write (pair[1], "x", 1), 1);
  ck_assert_uint_eq (ready_events (), 0);
  ck_assert_uint_eq (count_ready_patient (), 1);
  /* until it is read */
  ck_assert_uint_eq (count_ready_patient (), 1);
  ck_assert_int_eq (read (pair[0], &byte, 1), 1);
  ck_assert_uint_eq (count_ready_patient (), 0);
}
END_TEST

START_TEST (test_patience_ends)
{
  let_it_read ();
  set_patient (TRUE);
  ck_assert_int_eq (write (pair[1], "x", 1), 1);
  set_patient (FALSE);
  ck_assert (!kvs_sockets_is_patient (sockets, pair[0]));
  ck_assert_uint_eq (ready_events (), EPOLLIN);
  ck_assert_uint_eq (count_ready_patient (), 0);
}
END_TEST

/* It writes its bursts as any other. */
START_TEST (test_patient_writer)
{
  int fd;

  let_it_read ();
  set_patient (TRUE);
  kvs_sockets_watch (sockets, pair[0], TRUE, TRUE);
  ck_assert (kvs_sockets_take_writer (sockets, &fd));
  kvs_sockets_apply (sockets);
  ck_assert_uint_eq (ready_events (), EPOLLOUT);
  ck_assert_int_eq (write (pair[1], "x", 1), 1);
  ck_assert_uint_eq (ready_events (), EPOLLOUT);
  let_it_read ();
  ck_assert_uint_eq (ready_events (), 0);
  ck_assert_uint_eq (count_ready_patient (), 1);
}
END_TEST

/* A connection that breaks does not wait. */
START_TEST (test_patient_error)
{
  let_it_read ();
  set_patient (TRUE);
  close (pair[1]);
  ck_assert_uint_ne (ready_events () & EPOLLHUP, 0);
  pair[1] = -1;
}
END_TEST

START_TEST (test_patience_is_forgotten)
{
  let_it_read ();
  set_patient (TRUE);
  ck_assert_int_eq (write (pair[1], "x", 1), 1);
  kvs_sockets_forget (sockets, pair[0]);
  ck_assert_uint_eq (count_ready_patient (), 0);
  kvs_sockets_apply (sockets);
  /* another connection of the same number */
  let_it_read ();
  ck_assert_uint_eq (ready_events (), EPOLLIN);
  ck_assert_uint_eq (count_ready_patient (), 0);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("sockets");
  TCase *tcase = tcase_create ("sockets");

  tcase_add_checked_fixture (tcase, setup, teardown);
  tcase_add_test (tcase, test_reader);
  tcase_add_test (tcase, test_new_socket_is_not_tried);
  tcase_add_test (tcase, test_burst_without_epoll);
  tcase_add_test (tcase, test_blocked_writer_is_left_to_epoll);
  tcase_add_test (tcase, test_forgotten_at_once);
  tcase_add_test (tcase, test_number_is_used_again);
  tcase_add_test (tcase, test_closed_before_forgotten);
  tcase_add_test (tcase, test_patient_reader);
  tcase_add_test (tcase, test_patience_ends);
  tcase_add_test (tcase, test_patient_writer);
  tcase_add_test (tcase, test_patient_error);
  tcase_add_test (tcase, test_patience_is_forgotten);
  suite_add_tcase (suite, tcase);
  return run_suite (suite);
}
