/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the parts of KvsSession share: session.c (the request) and session-watch.c (whether it still
 * lives). All of it runs on the I/O thread. */
#pragma once

#include "upload/session.h"

G_BEGIN_DECLS

struct _KvsSession {
  KvsAwsClient *client;
  KvsFragmentBuffer *buffer;
  KvsSessionCallbacks callbacks;
  gpointer user_data;
  gchar *stream_name;
  gchar *url;
  gint64 flush_interval_us;
  gint64 staleness_us;
  gboolean wants_acks;
  gsize wake_bytes;

  CURL *easy;
  struct curl_slist *headers;
  gchar detail[CURL_ERROR_SIZE];
  KvsHttpHead head;
  GByteArray *error_body;
  KvsAckParser *acks;

  gboolean has_sent; /* bytes of the body: there is a connection */
  gboolean paused;   /* the read callback had nothing to give */
  gboolean body_ended;
  gboolean peer_had_ended; /* at the last tick */
  gint64 dry_since_us;
  gboolean draining;       /* nothing more is sent, and end_timer runs */
  guint unsent_bytes;      /* that the kernel had at the last tick */
  gint64 unacked_since_us; /* when the first byte after the last Ack was sent; 0: none was */
  GError *end_error;

  KvsLoopTimer *flush_timer;
  KvsLoopTimer *tick_timer;
  KvsLoopTimer *end_timer;
};

void kvs_session_end_with (KvsSession *session, KvsError code, const gchar *what);
gboolean kvs_session_is_refused (const KvsSession *session);
void kvs_session_unpause (KvsSession *session);

/* Looks at it now and then, from now on. */
void kvs_session_watch (KvsSession *session);

G_END_DECLS
