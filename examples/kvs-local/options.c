/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "options.h"

#include <gio/gio.h>

#define DEFAULT_PORT 8787
/* --data-port was not given. */
#define SAME_PORT (-1)

#define DEFAULT_BIND "127.0.0.1"
#define DEFAULT_REGION "us-west-2"
#define DEFAULT_ACCOUNT "123456789012"

/* kvs-api.md sections 6, 8 and 10 */
#define DEFAULT_IDLE_SECONDS 30
#define DEFAULT_MAX_CONNECTION_SECONDS (45 * 60)
/* "50 MB": the smaller reading, so that nothing passes here that the service might refuse */
#define DEFAULT_MAX_FRAGMENT_BYTES (50 * 1000 * 1000)
#define DEFAULT_GET_MEDIA_EMPTY_SECONDS 3

/* About what the service's front ends do */
#define DEFAULT_KEEP_ALIVE_SECONDS 60

#define HLS_JS "hls.min.js"

/* kvs-api.md section 16 */
#define DEFAULT_MAX_STREAMS 10000

#define MAX_SECONDS (7 * 24 * 3600)
#define MAX_PORT 65535
#define MAX_CELLS 64
#define MAX_CALLS 1000

static const gchar summary[]
  = "A Kinesis Video Streams service on your own machine: the control plane, PutMedia, GetMedia,\n"
    "the archive, HLS and DASH, with the real service's rules, limits and errors. Point a producer,\n"
    "the AWS CLI (--endpoint-url) or a program with an AWS SDK at it, and a browser at the address\n"
    "that it prints.";

static const gchar description[]
  = "Signatures are checked against AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and, if it is set,\n"
    "AWS_SESSION_TOKEN, unless --credentials or --no-auth is given. Fragments are kept as\n"
    "playable Matroska files in DIR/media.";

static gboolean
fail (GError **error, const gchar *message)
{
  g_set_error_literal (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, message);
  return FALSE;
}

static gboolean
check (const KvsLocalOptions *options, GError **error)
{
  if (options->data == NULL)
    return fail (error, "--data DIR is needed: where streams and their media are kept");
  if (options->port < 0 || options->port > MAX_PORT)
    return fail (error, "--port must be between 0 and 65535");
  if (options->cells < 1 || options->cells > MAX_CELLS)
    return fail (error, "--cells must be between 1 and 64");
  if (options->data_port < SAME_PORT || options->data_port > MAX_PORT - options->cells + 1)
    return fail (error, "--data-port, and a port for each further cell, must be at most 65535");
  if (options->cells > 1 && options->public_url != NULL)
    return fail (error, "--public-url is one, and --cells are several");
  if ((options->tls_cert == NULL) != (options->tls_key == NULL))
    return fail (error, "--tls-cert and --tls-key go together");
  if (options->no_auth && options->credentials != NULL)
    return fail (error, "--no-auth and --credentials exclude each other");
  if (options->keep_alive_seconds < 1 || options->keep_alive_seconds > MAX_SECONDS
      || options->idle_seconds < 1 || options->idle_seconds > MAX_SECONDS
      || options->max_connection_seconds < 1 || options->max_connection_seconds > MAX_SECONDS
      || options->get_media_empty_seconds < 1 || options->get_media_empty_seconds > MAX_SECONDS)
    return fail (error, "times must be between one second and a week");
  if (options->creating_seconds < 0 || options->creating_seconds > MAX_SECONDS)
    return fail (error, "--creating-seconds must be between 0 and a week");
  if (options->playback_seconds < 0 || options->playback_seconds > MAX_SECONDS)
    return fail (error, "--playback-seconds must be between 0 and a week");
  if (options->max_streams < 1)
    return fail (error, "--max-streams must be positive");
  if (options->max_calls < 0 || options->max_calls > MAX_CALLS)
    return fail (error, "--max-calls must be between 0 and 1000");
  if (options->max_fragment_bytes < 1)
    return fail (error, "--max-fragment-bytes must be positive");
  if (!g_regex_match_simple ("^[a-z0-9-]+$", options->region, G_REGEX_DOLLAR_ENDONLY, 0))
    return fail (error, "--region is not one");
  if (!g_regex_match_simple ("^[0-9]+$", options->account, G_REGEX_DOLLAR_ENDONLY, 0))
    return fail (error, "--account must be digits");
  return TRUE;
}

static void
set_default (gchar **value, const gchar *fallback)
{
  if (*value == NULL)
    *value = g_strdup (fallback);
}

static const gchar *
region_of_environment (void)
{
  static const gchar *const names[] = { "AWS_REGION", "AWS_DEFAULT_REGION" };

  for (gsize i = 0; i < G_N_ELEMENTS (names); i++) {
    const gchar *value = g_getenv (names[i]);

    if (value != NULL && *value != '\0')
      return value;
  }
  return DEFAULT_REGION;
}

/* Where examples/kvs-local/get-hls-js was told to put it */
static gchar *
find_hls_js (void)
{
  g_autofree gchar *program = g_file_read_link ("/proc/self/exe", NULL);
  g_autofree gchar *folder = program != NULL ? g_path_get_dirname (program) : NULL;
  g_autofree gchar *beside = folder != NULL ? g_build_filename (folder, HLS_JS, NULL) : NULL;

  if (beside != NULL && g_file_test (beside, G_FILE_TEST_IS_REGULAR))
    return g_steal_pointer (&beside);
  return g_build_filename (KVS_LOCAL_DATA_FOLDER, HLS_JS, NULL);
}

/**
 * kvs_local_options_parse:
 * @options: (out): what the command line says, with defaults where it says nothing
 * @argc: (inout): count of @argv
 * @argv: (inout): the command line
 * @error: where to put an error
 *
 * Returns: whether the command line is good
 */
gboolean
kvs_local_options_parse (KvsLocalOptions *options, gint *argc, gchar ***argv, GError **error)
{
  g_autoptr (GOptionContext) context = g_option_context_new (NULL);
  const GOptionEntry entries[] = {
    { "port", 'p', 0, G_OPTION_ARG_INT, &options->port,
      "Port to listen on, 0 for any free one (default 8787)", "PORT" },
    { "data-port", 0, 0, G_OPTION_ARG_INT, &options->data_port,
      "Port for the data plane, 0 for any free one (default that of the control plane)", "PORT" },
    { "cells", 0, 0, G_OPTION_ARG_INT, &options->cells,
      "Number of data planes, at the data port and those after it; a stream is on one, and POST "
      "/kvs-local/move-stream moves it (default 1)", "N" },
    { "bind", 'b', 0, G_OPTION_ARG_STRING, &options->bind,
      "Address to listen on (default 127.0.0.1)", "ADDRESS" },
    { "data", 'd', 0, G_OPTION_ARG_FILENAME, &options->data,
      "Folder for streams and media; made if it is not there", "DIR" },
    { "deliver", 0, 0, G_OPTION_ARG_FILENAME, &options->deliver,
      "Folder for the images and notifications that streams' configurations send to S3 and SNS",
      "DIR" },
    { "port-file", 0, 0, G_OPTION_ARG_FILENAME, &options->port_file,
      "Write the port to this file once listening", "FILE" },
    { "region", 0, 0, G_OPTION_ARG_STRING, &options->region,
      "Region of ARNs and signatures (default AWS_REGION, AWS_DEFAULT_REGION, us-west-2)",
      "REGION" },
    { "account", 0, 0, G_OPTION_ARG_STRING, &options->account,
      "Account of ARNs (default 123456789012)", "ID" },
    { "tls-cert", 0, 0, G_OPTION_ARG_FILENAME, &options->tls_cert,
      "Serve https with this certificate (chain)", "PEM" },
    { "tls-key", 0, 0, G_OPTION_ARG_FILENAME, &options->tls_key,
      "Private key of the certificate", "PEM" },
    { "public-url", 0, 0, G_OPTION_ARG_STRING, &options->public_url,
      "What GetDataEndpoint returns (default the address listened on)", "URL" },
    { "credentials", 0, 0, G_OPTION_ARG_FILENAME, &options->credentials,
      "Lines of ACCESS_KEY SECRET_KEY [SESSION_TOKEN [EXPIRATION]]; # begins a comment; read anew "
      "at each request", "FILE" },
    { "no-auth", 0, 0, G_OPTION_ARG_NONE, &options->no_auth,
      "Accept any signature, and none", NULL },
    { "no-page", 0, 0, G_OPTION_ARG_NONE, &options->no_page,
      "Do not serve the page that shows the streams; it is there on loopback addresses alone", NULL },
    { "hls-js", 0, 0, G_OPTION_ARG_FILENAME, &options->hls_js,
      "hls.js, which plays the page's video (default hls.min.js beside this program, or in "
      KVS_LOCAL_DATA_FOLDER ")", "FILE" },
    { "creating-seconds", 0, 0, G_OPTION_ARG_INT, &options->creating_seconds,
      "Time from CreateStream until the stream is ACTIVE (default 0)", "S" },
    { "keep-alive-seconds", 0, 0, G_OPTION_ARG_INT, &options->keep_alive_seconds,
      "Close a connection that waits for a request for so long (default 60)", "S" },
    { "idle-seconds", 0, 0, G_OPTION_ARG_INT, &options->idle_seconds,
      "End a PutMedia request that sends nothing for so long (default 30)", "S" },
    { "max-connection-seconds", 0, 0, G_OPTION_ARG_INT, &options->max_connection_seconds,
      "End a PutMedia request that is so old (default 2700)", "S" },
    { "max-fragment-bytes", 0, 0, G_OPTION_ARG_INT64, &options->max_fragment_bytes,
      "Refuse larger fragments (default 50000000)", "N" },
    { "max-streams", 0, 0, G_OPTION_ARG_INT, &options->max_streams,
      "Create no more streams than so many (default 10000)", "N" },
    { "max-calls", 0, 0, G_OPTION_ARG_INT, &options->max_calls,
      "Refuse more control-plane calls a second about one stream; the service's limit is 5 "
      "(default any number)", "N" },
    { "quotas", 0, 0, G_OPTION_ARG_NONE, &options->quotas,
      "Keep clients to the service's quotas of the data plane and of HLS and DASH sessions, which count "
      "by the second; off by default, as one's own machine is often asked faster than the service "
      "would allow", NULL },
    { "get-media-empty-seconds", 0, 0, G_OPTION_ARG_INT, &options->get_media_empty_seconds,
      "End a GetMedia answer after so long without a new fragment (default 3)", "S" },
    { "playback-seconds", 0, 0, G_OPTION_ARG_INT, &options->playback_seconds,
      "End HLS and DASH sessions after so long, whatever they ask for (default 0: as they ask)", "S" },
    { "verbose", 'v', 0, G_OPTION_ARG_NONE, &options->verbose,
      "Log requests and acks to stderr", NULL },
    { "version", 0, 0, G_OPTION_ARG_NONE, &options->version, "Show the version", NULL },
    { NULL },
  };

  *options = (KvsLocalOptions) {
    .port = DEFAULT_PORT,
    .data_port = SAME_PORT,
    .cells = 1,
    .keep_alive_seconds = DEFAULT_KEEP_ALIVE_SECONDS,
    .idle_seconds = DEFAULT_IDLE_SECONDS,
    .max_connection_seconds = DEFAULT_MAX_CONNECTION_SECONDS,
    .max_fragment_bytes = DEFAULT_MAX_FRAGMENT_BYTES,
    .max_streams = DEFAULT_MAX_STREAMS,
    .get_media_empty_seconds = DEFAULT_GET_MEDIA_EMPTY_SECONDS,
  };
  g_option_context_set_summary (context, summary);
  g_option_context_set_description (context, description);
  g_option_context_add_main_entries (context, entries, NULL);
  if (!g_option_context_parse (context, argc, argv, error))
    return FALSE;
  if (options->version)
    return TRUE;
  if (*argc > 1)
    return fail (error, "only options are taken");
  if (options->hls_js == NULL)
    options->hls_js = find_hls_js ();
  set_default (&options->bind, DEFAULT_BIND);
  set_default (&options->region, region_of_environment ());
  set_default (&options->account, DEFAULT_ACCOUNT);
  return check (options, error);
}

/**
 * kvs_local_options_split_planes:
 * @options: the command line
 *
 * Returns: whether the data plane is not where the control plane is
 */
gboolean
kvs_local_options_split_planes (const KvsLocalOptions *options)
{
  return options->data_port != SAME_PORT || options->cells > 1;
}

/**
 * kvs_local_options_clear:
 * @options: to be emptied
 */
void
kvs_local_options_clear (KvsLocalOptions *options)
{
  g_free (options->bind);
  g_free (options->data);
  g_free (options->deliver);
  g_free (options->port_file);
  g_free (options->region);
  g_free (options->account);
  g_free (options->tls_cert);
  g_free (options->tls_key);
  g_free (options->public_url);
  g_free (options->credentials);
  g_free (options->hls_js);
}
