/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Uploads from many sessions at once to a kvs-local that runs with --no-auth, at a pace or as fast
 * as it takes them, and prints what went, how long acks took and what kvs-local needed for it:
 *
 *   put-load --url http://127.0.0.1:8787 --pid PID --sessions 8 --megabytes 4000
 *   put-load --url https://127.0.0.1:8787 --pid PID --sessions 300 --mbps 4 --seconds 30
 *
 * It is cheap itself: one thread, and on plain http the frames go with sendfile(). */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "put-load-session.h"

#define FRAME_MS 33
#define TICK_MS 5
#define MAX_EVENTS 512
#define END_SECONDS 60

typedef struct {
  gchar *url;
  gchar *prefix;
  gint n_sessions;
  gdouble mbps;
  gdouble seconds;
  gint64 megabytes;
  gint frames_per_fragment;
  gint frame_bytes;
  gint flush_ms;
  gint retention_hours;
  gint pid;
  gboolean keep;
  gboolean in_step;
} Options;

typedef struct {
  Options options;
  Server server;
  Image image;
  GPtrArray *sessions;
  int epoll_fd;
  gint64 start_us;
  gdouble start_cpu_seconds[2];
} Load;

/* User and system time of kvs-local */
static void
read_cpu (gint pid, gdouble *seconds)
{
  g_autofree gchar *path = g_strdup_printf ("/proc/%d/stat", pid);
  g_autofree gchar *text = NULL;
  guint64 user = 0, system = 0;
  const gchar *after_name;

  if (pid > 0 && g_file_get_contents (path, &text, NULL, NULL)
      && (after_name = strrchr (text, ')')) != NULL)
    sscanf (after_name, ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &system);
  seconds[0] = (gdouble) user / (gdouble) sysconf (_SC_CLK_TCK);
  seconds[1] = (gdouble) system / (gdouble) sysconf (_SC_CLK_TCK);
}

static gboolean
open_sessions (Load *load, GError **error)
{
  const Options *options = &load->options;
  gint64 start_us = g_get_monotonic_time ();

  for (gint i = 0; i < options->n_sessions; i++) {
    g_autofree gchar *name = g_strdup_printf ("%s-%d", options->prefix, i);
    struct epoll_event event = { .events = EPOLLIN };
    Session *session
      = session_open (&load->server, name, (guint) options->retention_hours, &load->image,
                      (guint) options->frames_per_fragment * FRAME_MS, error);

    if (session == NULL)
      return FALSE;
    if (options->mbps == 0)
      event.events |= EPOLLOUT;
    event.data.ptr = session;
    epoll_ctl (load->epoll_fd, EPOLL_CTL_ADD, session->wire.fd, &event);
    g_ptr_array_add (load->sessions, session);
  }
  printf ("%d sessions opened in %.2f s\n", options->n_sessions,
          (gdouble) (g_get_monotonic_time () - start_us) / G_USEC_PER_SEC);
  return TRUE;
}

/* How much of the body session @i may have sent by now: whole frames, as many as a producer has
 * that flushes every flush_ms; sessions are not in step. */
static guint64
due_bytes (const Load *load, guint i, gint64 now_us)
{
  const Options *options = &load->options;
  const Image *image = &load->image;
  gdouble frame_ms = options->frame_bytes * 8 / options->mbps / 1000;
  gdouble fragment_ms = frame_ms * options->frames_per_fragment;
  gdouble ms = (gdouble) (now_us - load->start_us) / 1000;
  guint64 n_frames;

  if (!options->in_step)
    ms = MAX (0, ms - fragment_ms * i / options->n_sessions);
  ms = options->flush_ms * (gdouble) (gint64) (ms / options->flush_ms);
  n_frames = (guint64) (ms / frame_ms);
  return n_frames / (guint) options->frames_per_fragment * image->size
         + (n_frames % (guint) options->frames_per_fragment > 0
              ? image->head_size
                  + n_frames % (guint) options->frames_per_fragment * image->frame_size
              : 0);
}

/* Where the body ends: after a whole fragment */
static guint64
end_bytes (const Load *load, const Session *session, gint64 now_us)
{
  const Options *options = &load->options;
  guint64 share = (guint64) options->megabytes * 1000000 / (guint) options->n_sessions;
  gboolean is_time = now_us - load->start_us >= (gint64) (options->seconds * G_USEC_PER_SEC);

  if (options->megabytes > 0 ? session->sent_bytes < share : !is_time)
    return G_MAXUINT64;
  return (session->sent_bytes + load->image.size - 1) / load->image.size * load->image.size;
}

static void
feed (Load *load, guint i, Session *session)
{
  gint64 now_us = g_get_monotonic_time ();
  guint64 end = end_bytes (load, session, now_us);
  struct epoll_event event = { .events = EPOLLIN, .data.ptr = session };

  if (session->is_over || session->is_ended)
    return;
  session_send (session, load->options.mbps > 0 ? MIN (end, due_bytes (load, i, now_us)) : end);
  if (session->sent_bytes < end || session->is_over)
    return;
  session_end (session);
  if (session->is_ended)
    epoll_ctl (load->epoll_fd, EPOLL_CTL_MOD, session->wire.fd, &event);
}

static void
take_event (Load *load, const struct epoll_event *event)
{
  Session *session = event->data.ptr;

  if ((event->events & ~(uint32_t) EPOLLOUT) != 0)
    session_receive (session);
  if ((event->events & EPOLLOUT) != 0)
    feed (load, 0, session);
  if (session->is_over)
    epoll_ctl (load->epoll_fd, EPOLL_CTL_DEL, session->wire.fd, NULL);
}

static gboolean
all_are_over (const Load *load)
{
  for (guint i = 0; i < load->sessions->len; i++) {
    if (!((const Session *) g_ptr_array_index (load->sessions, i))->is_over)
      return FALSE;
  }
  return TRUE;
}

static void
run (Load *load)
{
  struct epoll_event events[MAX_EVENTS];
  gint64 limit_us = (gint64) ((load->options.seconds + END_SECONDS) * G_USEC_PER_SEC);

  load->start_us = g_get_monotonic_time ();
  read_cpu (load->options.pid, load->start_cpu_seconds);
  while (!all_are_over (load) && g_get_monotonic_time () - load->start_us < limit_us) {
    int n = epoll_wait (load->epoll_fd, events, MAX_EVENTS, TICK_MS);

    for (int i = 0; i < n; i++)
      take_event (load, &events[i]);
    for (guint i = 0; load->options.mbps > 0 && i < load->sessions->len; i++)
      feed (load, i, g_ptr_array_index (load->sessions, i));
  }
}

static gint
compare_delays (gconstpointer a, gconstpointer b)
{
  gint64 first = *(const gint64 *) a, second = *(const gint64 *) b;

  return (first > second) - (first < second);
}

static void
print_delays (GArray *delays_us)
{
  const guint parts[] = { 50, 99, 100 };

  g_array_sort (delays_us, compare_delays);
  printf ("%u fragments acknowledged; delay ms", delays_us->len);
  for (gsize i = 0; delays_us->len > 0 && i < G_N_ELEMENTS (parts); i++)
    printf (" p%u %.2f", parts[i],
            (gdouble) g_array_index (delays_us, gint64, (delays_us->len - 1) * parts[i] / 100)
              / 1000);
  printf ("\n");
}

/* Gives whether all sessions went as they should. */
static gboolean
report (Load *load)
{
  gdouble seconds = (gdouble) (g_get_monotonic_time () - load->start_us) / G_USEC_PER_SEC;
  g_autoptr (GArray) delays_us = g_array_new (FALSE, FALSE, sizeof (gint64));
  gdouble cpu[2], gigabytes = 0;
  guint n_failed = 0, n_acks = 0;

  read_cpu (load->options.pid, cpu);
  for (guint i = 0; i < load->sessions->len; i++) {
    const Session *session = g_ptr_array_index (load->sessions, i);

    gigabytes += (gdouble) session->sent_bytes / 1e9;
    n_acks += session->n_acks;
    g_array_append_vals (delays_us, session->delays_us->data, session->delays_us->len);
    if (session->failure == NULL && session->is_over)
      continue;
    n_failed++;
    fprintf (stderr, "session %u: %s\n", i,
             session->failure != NULL ? session->failure : "has not ended");
  }
  printf ("%.3f GB in %.2f s: %.3f GB/s; %u acks; %u of %u sessions failed\n", gigabytes, seconds,
          gigabytes / seconds, n_acks, n_failed, load->sessions->len);
  print_delays (delays_us);
  if (load->options.pid > 0) {
    gdouble user = cpu[0] - load->start_cpu_seconds[0], sys = cpu[1] - load->start_cpu_seconds[1];

    printf ("kvs-local: user %.2f s, system %.2f s: %.3f s/GB, %.1f %% of a core\n", user, sys,
            (user + sys) / gigabytes, (user + sys) / seconds * 100);
  }
  return n_failed == 0;
}

static void
delete_streams (Load *load)
{
  for (guint i = 0; i < load->sessions->len; i++) {
    const Session *session = g_ptr_array_index (load->sessions, i);
    g_autofree gchar *body = g_strdup_printf ("{\"StreamARN\":\"%s\"}", session->arn);
    g_autofree gchar *answer = server_post (&load->server, "/deleteStream", body, NULL);

    if (answer == NULL)
      fprintf (stderr, "%s is left\n", session->arn);
  }
}

static gboolean
parse (Options *options, int *argc, char ***argv, GError **error)
{
  g_autoptr (GOptionContext) context = g_option_context_new (NULL);
  const GOptionEntry entries[] = {
    { "url", 0, 0, G_OPTION_ARG_STRING, &options->url, "Of kvs-local, with an IP address", "URL" },
    { "pid", 0, 0, G_OPTION_ARG_INT, &options->pid, "Of kvs-local, to print its CPU", "PID" },
    { "prefix", 0, 0, G_OPTION_ARG_STRING, &options->prefix, "Of stream names", "NAME" },
    { "sessions", 0, 0, G_OPTION_ARG_INT, &options->n_sessions, "How many (default 8)", "N" },
    { "mbps", 0, 0, G_OPTION_ARG_DOUBLE, &options->mbps,
      "Pace of each in Mbit/s (default 0: as fast as possible)", "R" },
    { "seconds", 0, 0, G_OPTION_ARG_DOUBLE, &options->seconds, "How long (default 10)", "S" },
    { "megabytes", 0, 0, G_OPTION_ARG_INT64, &options->megabytes,
      "How much in all, instead of how long", "N" },
    { "frames", 0, 0, G_OPTION_ARG_INT, &options->frames_per_fragment,
      "In a fragment (default 60)", "N" },
    { "frame-bytes", 0, 0, G_OPTION_ARG_INT, &options->frame_bytes, "In a frame (default 16667)",
      "N" },
    { "flush-ms", 0, 0, G_OPTION_ARG_INT, &options->flush_ms,
      "At a pace, send what is due so often (default 33)", "MS" },
    { "retention-hours", 0, 0, G_OPTION_ARG_INT, &options->retention_hours,
      "Of the streams (default 1)", "H" },
    { "in-step", 0, 0, G_OPTION_ARG_NONE, &options->in_step,
      "At a pace, begin all fragments at the same time", NULL },
    { "keep", 0, 0, G_OPTION_ARG_NONE, &options->keep, "Do not delete the streams", NULL },
    { NULL },
  };

  *options = (Options) {
    .n_sessions = 8, .seconds = 10, .frames_per_fragment = 60, .frame_bytes = 16667,
    .flush_ms = 33, .retention_hours = 1,
  };
  g_option_context_add_main_entries (context, entries, NULL);
  if (!g_option_context_parse (context, argc, argv, error))
    return FALSE;
  if (options->prefix == NULL)
    options->prefix = g_strdup_printf ("load-%d", getpid ());
  if (options->url != NULL && options->n_sessions > 0 && options->frame_bytes > 0
      && options->flush_ms > 0 && options->mbps >= 0 && options->frames_per_fragment > 0
      && options->frames_per_fragment * FRAME_MS < G_MAXINT16)
    return TRUE;
  g_set_error_literal (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                       "--url is needed, and numbers that make sense");
  return FALSE;
}

int
main (int argc, char **argv)
{
  Load load = { .epoll_fd = epoll_create1 (EPOLL_CLOEXEC) };
  g_autoptr (GError) error = NULL;
  gboolean ok = FALSE;

  signal (SIGPIPE, SIG_IGN);
  if (!parse (&load.options, &argc, &argv, &error)
      || !server_set_url (&load.server, load.options.url, &error)
      || !image_make (&load.image, (guint) load.options.frames_per_fragment,
                      (gsize) load.options.frame_bytes, FRAME_MS, &error)) {
    fprintf (stderr, "put-load: %s\n", error->message);
    return EXIT_FAILURE;
  }
  load.sessions = g_ptr_array_new_with_free_func ((GDestroyNotify) session_free);
  if (open_sessions (&load, &error)) {
    run (&load);
    ok = report (&load);
  } else {
    fprintf (stderr, "put-load: %s\n", error->message);
  }
  if (!load.options.keep)
    delete_streams (&load);
  g_ptr_array_unref (load.sessions);
  image_clear (&load.image);
  server_clear (&load.server);
  close (load.epoll_fd);
  g_free (load.options.url);
  g_free (load.options.prefix);
  return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}
