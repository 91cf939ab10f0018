/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The command line. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/**
 * KvsLocalOptions: what the command line says; see the texts in options.c
 */
typedef struct {
  gint port;
  gint data_port;
  gint cells;
  gint max_streams;
  gint max_calls;
  gchar *bind;
  gchar *data;
  gchar *deliver;
  gchar *port_file;
  gchar *region;
  gchar *account;
  gchar *tls_cert;
  gchar *tls_key;
  gchar *public_url;
  gchar *credentials;
  gchar *hls_js;
  gboolean quotas;
  gboolean no_auth;
  gboolean no_page;
  gboolean verbose;
  gboolean version;
  gint creating_seconds;
  gint keep_alive_seconds;
  gint idle_seconds;
  gint max_connection_seconds;
  gint64 max_fragment_bytes;
  gint get_media_empty_seconds;
  gint playback_seconds;
} KvsLocalOptions;

gboolean kvs_local_options_parse (KvsLocalOptions *options, gint *argc, gchar ***argv,
                                  GError **error);
gboolean kvs_local_options_split_planes (const KvsLocalOptions *options);
void kvs_local_options_clear (KvsLocalOptions *options);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (KvsLocalOptions, kvs_local_options_clear)

G_END_DECLS
