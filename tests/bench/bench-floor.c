/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The floor: the bytes that kvssink sends, at the same pace, by libcurl and nothing else. All is
 * ready beforehand; one thread wakes up when it is time to send, once for all streams. */
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "body.h"
#include "usage.h"

#define MAX_IDLE_MS 1000
/* How often a live upload that waits for the network is looked after: to wake up for each event and
 * visit all handles would cost more than what is measured */
#define NETWORK_US 2000
/* How many connect at a time: more than a server's queue holds would wait for TCP to try again */
#define MAX_CONNECTING 8

typedef struct {
  const BenchBody *body;
  gint64 start_us; /* when its first frame is due */
  gsize sent_bytes;
  gsize due_bytes;
  gboolean is_paused;
  gboolean has_ended;
  gint64 first_us;
  gint64 last_us;
  gint64 answered_us;
  CURL *easy;
  struct curl_slist *headers;
} Upload;

static gchar *clip_path;
static gchar *url;
static gchar *ca_path;
static gchar *prefix;
static gchar *write_path;
static gint n_streams = 1;
static gint flush_ms = 100;
static gdouble seconds = 20;
static gboolean is_offline;

static const GOptionEntry entries[] = {
  { "clip", 0, 0, G_OPTION_ARG_FILENAME, &clip_path, "What to send", "FILE" },
  { "url", 0, 0, G_OPTION_ARG_STRING, &url, "Of kvs-local, started with --no-auth", "URL" },
  { "ca", 0, 0, G_OPTION_ARG_FILENAME, &ca_path, "Certificate to trust", "FILE" },
  { "prefix", 0, 0, G_OPTION_ARG_STRING, &prefix, "Of the streams' names", "TEXT" },
  { "streams", 0, 0, G_OPTION_ARG_INT, &n_streams, "How many uploads", "N" },
  { "seconds", 0, 0, G_OPTION_ARG_DOUBLE, &seconds, "Media of each", "S" },
  { "flush", 0, 0, G_OPTION_ARG_INT, &flush_ms, "Time between two writes", "MS" },
  { "offline", 0, 0, G_OPTION_ARG_NONE, &is_offline, "As fast as it goes", NULL },
  { "write", 0, 0, G_OPTION_ARG_FILENAME, &write_path, "Write the body and end", "FILE" },
  { NULL }
};

static size_t
read_body (char *out, size_t size, size_t n, void *user_data)
{
  Upload *upload = user_data;
  gsize room = size * n;
  gsize bytes = MIN (room, upload->due_bytes - upload->sent_bytes);

  if (bytes == 0 && upload->sent_bytes == upload->body->bytes->len)
    return 0;
  if (bytes == 0) {
    upload->is_paused = TRUE;
    return CURL_READFUNC_PAUSE;
  }
  memcpy (out, upload->body->bytes->data + upload->sent_bytes, bytes);
  upload->sent_bytes += bytes;
  if (upload->first_us == 0)
    upload->first_us = g_get_monotonic_time ();
  if (upload->sent_bytes == upload->body->bytes->len)
    upload->last_us = g_get_monotonic_time ();
  return bytes;
}

static size_t
drop_answer (char *data, size_t size, size_t n, void *user_data)
{
  return size * n;
}

static void
add_header (Upload *upload, const gchar *header)
{
  upload->headers = curl_slist_append (upload->headers, header);
}

static void
start (Upload *upload, CURLM *multi, guint number)
{
  g_autofree gchar *name
    = g_strdup_printf ("x-amzn-stream-name: %s%u", prefix != NULL ? prefix : "bench-", number);
  g_autofree gchar *target = g_strconcat (url, "/putMedia", NULL);

  upload->easy = curl_easy_init ();
  add_header (upload, name);
  add_header (upload, "x-amzn-fragment-timecode-type: ABSOLUTE");
  add_header (upload, "x-amzn-producer-start-timestamp: 0");
  add_header (upload, "x-amzn-fragment-acknowledgment-required: 1");
  add_header (upload, "Transfer-Encoding: chunked");
  add_header (upload, "Content-Type:");
  add_header (upload, "Expect:");
  curl_easy_setopt (upload->easy, CURLOPT_URL, target);
  curl_easy_setopt (upload->easy, CURLOPT_POST, 1L);
  curl_easy_setopt (upload->easy, CURLOPT_HTTP_VERSION, (long) CURL_HTTP_VERSION_1_1);
  curl_easy_setopt (upload->easy, CURLOPT_HTTPHEADER, upload->headers);
  curl_easy_setopt (upload->easy, CURLOPT_READFUNCTION, read_body);
  curl_easy_setopt (upload->easy, CURLOPT_READDATA, upload);
  curl_easy_setopt (upload->easy, CURLOPT_WRITEFUNCTION, drop_answer);
  curl_easy_setopt (upload->easy, CURLOPT_CAINFO, ca_path);
  curl_easy_setopt (upload->easy, CURLOPT_CAPATH, NULL);
  curl_easy_setopt (upload->easy, CURLOPT_FAILONERROR, 1L);
  curl_easy_setopt (upload->easy, CURLOPT_PRIVATE, upload);
  curl_multi_add_handle (multi, upload->easy);
}

/* Gives free what is due by now. */
static void
let_go (Upload *upload, gint64 now_us, guint fps)
{
  const GArray *ends = upload->body->frame_ends;
  guint64 n_due;

  if (upload->easy == NULL || upload->has_ended || now_us < upload->start_us)
    return;
  n_due = (guint64) (now_us - upload->start_us) * fps / G_USEC_PER_SEC + 1;
  n_due = is_offline ? ends->len : MIN (ends->len, n_due);
  upload->due_bytes = g_array_index (ends, guint64, n_due - 1);
  if (upload->is_paused && upload->due_bytes > upload->sent_bytes) {
    upload->is_paused = FALSE;
    curl_easy_pause (upload->easy, CURLPAUSE_CONT);
  }
}

static guint
take_ends (CURLM *multi, guint *n_clean)
{
  CURLMsg *message;
  guint n_ended = 0;
  int left;

  while ((message = curl_multi_info_read (multi, &left)) != NULL) {
    CURLcode result = message->data.result;
    Upload *upload;

    if (message->msg != CURLMSG_DONE)
      continue;
    curl_easy_getinfo (message->easy_handle, CURLINFO_PRIVATE, (char **) (gpointer) &upload);
    upload->has_ended = TRUE;
    upload->answered_us = g_get_monotonic_time ();
    n_ended++;
    if (result == CURLE_OK && upload->sent_bytes == upload->body->bytes->len)
      ++*n_clean;
    else
      g_printerr ("bench-floor: %s\n", curl_easy_strerror (result));
  }
  return n_ended;
}

static void
start_some (CURLM *multi, Upload *uploads, guint *n_started)
{
  guint n_connecting = 0;

  for (guint i = 0; i < *n_started; i++)
    n_connecting += uploads[i].first_us == 0 && !uploads[i].has_ended;
  while (*n_started < (guint) n_streams && n_connecting++ < MAX_CONNECTING) {
    start (&uploads[*n_started], multi, *n_started);
    ++*n_started;
  }
}

static gboolean
has_to_send (const Upload *uploads)
{
  for (gint i = 0; i < n_streams; i++)
    if (!uploads[i].has_ended
        && (!uploads[i].is_paused || uploads[i].sent_bytes == uploads[i].body->bytes->len))
      return TRUE;
  return FALSE;
}

/* Sleeps from one write to the next one: acknowledgements wait until then too. */
static guint
send_all (CURLM *multi, Upload *uploads, guint fps)
{
  guint n_started = 0, n_ended = 0, n_clean = 0;
  gint64 next_us = g_get_monotonic_time ();
  int running;

  while (n_ended < (guint) n_streams) {
    gint64 now_us = g_get_monotonic_time ();

    if (now_us >= next_us) {
      for (gint i = 0; i < n_streams; i++)
        let_go (&uploads[i], now_us, fps);
      next_us += MAX (flush_ms, 1) * G_GINT64_CONSTANT (1000);
    }
    if (n_started < (guint) n_streams)
      start_some (multi, uploads, &n_started);
    curl_multi_perform (multi, &running);
    n_ended += take_ends (multi, &n_clean);
    now_us = g_get_monotonic_time ();
    if (now_us >= next_us || n_ended == (guint) n_streams)
      continue;
    if (is_offline)
      curl_multi_poll (multi, NULL, 0, MAX_IDLE_MS, NULL);
    else
      g_usleep ((gulong) (has_to_send (uploads) ? MIN (next_us - now_us, NETWORK_US)
                                                : next_us - now_us));
  }
  return n_clean;
}

static gint64
largest (const Upload *uploads, gint64 (*get) (const Upload *upload))
{
  gint64 found = G_MININT64;

  for (gint i = 0; i < n_streams; i++)
    found = MAX (found, get (&uploads[i]));
  return found;
}

static gint64
first_media_us (const Upload *upload)
{
  return upload->first_us - upload->start_us;
}

static gint64
end_us (const Upload *upload)
{
  return upload->answered_us - upload->last_us;
}

static void
run (const BenchClip *clip, const BenchBody *body, gint64 start_us)
{
  g_autofree Upload *uploads = g_new0 (Upload, n_streams);
  CURLM *multi;
  guint n_clean;
  BenchMemory memory;

  curl_global_init (CURL_GLOBAL_DEFAULT);
  multi = curl_multi_init ();
  for (gint i = 0; i < n_streams; i++) {
    uploads[i].body = body;
    uploads[i].start_us = start_us + G_USEC_PER_SEC * (gint64) i / clip->fps / n_streams;
  }
  n_clean = send_all (multi, uploads, clip->fps);
  bench_memory_read (&memory);
  printf ("{");
  bench_print_usage (start_us);
  printf (", \"sink\": \"floor\", \"streams\": %d, \"resident\": %" G_GINT64_FORMAT
          ", \"private\": %" G_GINT64_FORMAT ", \"threads\": %" G_GINT64_FORMAT
          ", \"clean\": %u, \"first_media_max_ms\": %.3f"
          ", \"end_max_ms\": %.3f}\n", n_streams,
          memory.resident_bytes, memory.private_bytes, memory.n_threads, n_clean,
          (gdouble) largest (uploads, first_media_us) / 1000,
          (gdouble) largest (uploads, end_us) / 1000);
  for (gint i = 0; i < n_streams; i++) {
    curl_multi_remove_handle (multi, uploads[i].easy);
    curl_easy_cleanup (uploads[i].easy);
    curl_slist_free_all (uploads[i].headers);
  }
  curl_multi_cleanup (multi);
}

static gboolean
parse (int *argc, char ***argv, GError **error)
{
  g_autoptr (GOptionContext) context = g_option_context_new (NULL);

  g_option_context_add_main_entries (context, entries, NULL);
  if (!g_option_context_parse (context, argc, argv, error))
    return FALSE;
  if (clip_path == NULL || (url == NULL && write_path == NULL) || n_streams < 1) {
    g_set_error_literal (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                         "--clip and --url or --write are needed");
    return FALSE;
  }
  return TRUE;
}

int
main (int argc, char **argv)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (BenchClip) clip = NULL;
  g_autoptr (BenchBody) body = NULL;
  gint64 start_ms;

  if (parse (&argc, &argv, &error))
    clip = bench_clip_open (clip_path, &error);
  if (clip == NULL) {
    g_printerr ("bench-floor: %s\n", error->message);
    return EXIT_FAILURE;
  }
  /* media that are sent at once are over by now */
  start_ms = g_get_real_time () / 1000;
  if (is_offline || write_path != NULL)
    start_ms -= (gint64) (seconds * 1000);
  body = bench_body_new (clip, (guint64) (seconds * clip->fps), start_ms);
  if (write_path == NULL) {
    bench_usage_begin ();
    run (clip, body, g_get_monotonic_time ());
  } else if (!g_file_set_contents (write_path, (const gchar *) body->bytes->data,
                                   (gssize) body->bytes->len, &error)) {
    g_printerr ("bench-floor: %s\n", error->message);
    return EXIT_FAILURE;
  }
  return EXIT_SUCCESS;
}
