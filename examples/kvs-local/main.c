/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <gio/gio.h>
#include <glib-unix.h>
#include <libavutil/log.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "listener.h"
#include "options.h"
#include "server.h"

static gboolean
on_signal (gpointer user_data)
{
  g_main_loop_quit (user_data);
  return G_SOURCE_CONTINUE;
}

/* Whoever sees the file sees the whole number, and may connect. */
static gboolean
write_port_file (const gchar *path, guint port, GError **error)
{
  g_autofree gchar *text = g_strdup_printf ("%u\n", port);

  return path == NULL || g_file_set_contents (path, text, -1, error);
}

/* Each session has a socket and a file, and the usual limit would be reached by some 500. */
static void
raise_open_files (void)
{
  struct rlimit limit;

  if (getrlimit (RLIMIT_NOFILE, &limit) != 0)
    return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit (RLIMIT_NOFILE, &limit);
}

static void
print_addresses (const KvsLocalServer *server)
{
  for (guint i = 0; i < server->listeners->len; i++) {
    g_autofree gchar *url = kvs_local_listener_get_url (g_ptr_array_index (server->listeners, i));

    printf ("kvs-local: %s %s\n", i == 0 ? "listening on" : "data plane on", url);
  }
  fflush (stdout);
}

static gboolean
run (const KvsLocalOptions *options, GError **error)
{
  g_autoptr (GMainLoop) loop = g_main_loop_new (NULL, FALSE);
  g_autoptr (KvsLocalServer) server = kvs_local_server_new (options, error);
  const KvsLocalListener *listener;
  guint on_int, on_term;

  if (server == NULL)
    return FALSE;
  listener = g_ptr_array_index (server->listeners, 0);
  if (!write_port_file (options->port_file, listener->port, error))
    return FALSE;
  on_int = g_unix_signal_add (SIGINT, on_signal, loop);
  on_term = g_unix_signal_add (SIGTERM, on_signal, loop);
  print_addresses (server);
  g_main_loop_run (loop);
  g_source_remove (on_int);
  g_source_remove (on_term);
  return TRUE;
}

int
main (int argc, char **argv)
{
  g_auto (KvsLocalOptions) options = { 0 };
  g_autoptr (GError) error = NULL;

  g_set_prgname ("kvs-local");
  signal (SIGPIPE, SIG_IGN);
  /* What it finds wrong with media is told to the client. */
  av_log_set_level (AV_LOG_QUIET);
  raise_open_files ();
  if (kvs_local_options_parse (&options, &argc, &argv, &error)) {
    if (options.version) {
      printf ("kvs-local %s\n", KVS_VERSION);
      return EXIT_SUCCESS;
    }
    if (run (&options, &error))
      return EXIT_SUCCESS;
  }
  fprintf (stderr, "kvs-local: %s\n", error->message);
  return EXIT_FAILURE;
}
