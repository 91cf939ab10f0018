/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The side of the fragment buffer that lies on disk.
 *
 * What waits on disk alone has one place in the order of the list: right before after_waiting. It
 * comes back one Fragment at a time, to that place, when the Session gets there. */
#include "stream/fragment-buffer-spool.h"

/* Fragments that are read back before their turn. */
#define N_AHEAD 2

/* A disk that has failed is asked again now and then. */
gboolean
kvs_fragment_buffer_spool_may_write (KvsFragmentBuffer *buffer)
{
  gint64 now_us;

  if (buffer->spool == NULL || buffer->spool_is_unread
      || kvs_fragment_buffer_spool_is_behind (buffer))
    return FALSE;
  if (!buffer->spool_has_trouble)
    return TRUE;
  now_us = g_get_monotonic_time ();
  if (now_us - buffer->spool_probe_us < KVS_SPOOL_PROBE_US)
    return FALSE;
  buffer->spool_probe_us = now_us;
  return TRUE;
}

/* What could not be read waits until it can. */
void
kvs_fragment_buffer_spool_ask_again (KvsFragmentBuffer *buffer)
{
  gint64 now_us = g_get_monotonic_time ();

  if (buffer->spool == NULL || !buffer->spool_is_unread || buffer->spool_is_behind
      || now_us - buffer->spool_ask_us < KVS_SPOOL_PROBE_US)
    return;
  buffer->spool_ask_us = now_us;
  kvs_spool_probe (buffer->spool);
}

/* ---- reading back ---- */

static guint
count_ahead (const KvsFragmentBuffer *buffer)
{
  guint n = 0;

  for (const GList *link = buffer->fragments.head; link != NULL && link != buffer->after_waiting;
       link = link->next) {
    const KvsFragment *fragment = link->data;

    if (fragment->raw != NULL && !fragment->sent)
      n++;
  }
  return n;
}

/* What was sent stays in memory until the Ack, so that there is a bound besides N_AHEAD. */
static gboolean
may_load (const KvsFragmentBuffer *buffer)
{
  return buffer->raw_bytes == 0
         || (buffer->raw_bytes < buffer->max_bytes / 4 && count_ahead (buffer) < N_AHEAD);
}

void
kvs_fragment_buffer_spool_load_ahead (KvsFragmentBuffer *buffer)
{
  if (buffer->spool == NULL || buffer->n_loading > 0 || buffer->n_waiting == 0
      || !may_load (buffer))
    return;
  buffer->n_loading++;
  buffer->load_asked_us = g_get_monotonic_time ();
  buffer->n_left_since_load = 0;
  kvs_spool_load (buffer->spool);
}

/* ---- what the source does ---- */

/* The service has it, or never will. */
void
kvs_fragment_buffer_spool_unlinked (KvsFragmentBuffer *buffer, GList *link)
{
  KvsFragment *fragment = link->data;

  if (buffer->after_waiting == link)
    buffer->after_waiting = link->next;
  kvs_fragment_buffer_spool_stay (buffer, fragment);
  if (fragment->raw != NULL)
    buffer->raw_bytes -= fragment->size_bytes;
  if (buffer->spool == NULL || fragment->disk == KVS_FRAGMENT_DISK_NONE)
    return;
  kvs_spool_remove (buffer->spool, fragment->id);
  if (fragment->raw != NULL)
    kvs_fragment_buffer_spool_load_ahead (buffer);
}

/* What waits on disk is not waited for: it is counted again once the disk can be read. */
void
kvs_fragment_buffer_spool_stop_reading (KvsFragmentBuffer *buffer)
{
  buffer->spool_is_unread = TRUE;
  buffer->spool_ask_us = g_get_monotonic_time ();
  buffer->n_waiting = 0;
  buffer->after_waiting = NULL;
}

/* ---- what the Session does ---- */

/* Returns: whether something on disk has to be read before the Session can go on. */
gboolean
kvs_fragment_buffer_spool_comes_first (KvsFragmentBuffer *buffer)
{
  if (buffer->n_waiting == 0 || buffer->session_is_live)
    return FALSE;
  kvs_fragment_buffer_spool_load_ahead (buffer);
  return buffer->at == buffer->after_waiting
         && (buffer->at == NULL || !kvs_fragment_buffer_is_being_sent (buffer, buffer->at));
}

/* What is live, as far as something else waits. */
static GList *
first_live (const KvsFragmentBuffer *buffer)
{
  return buffer->after_waiting;
}

static gboolean
has_live (const KvsFragmentBuffer *buffer)
{
  for (const GList *link = first_live (buffer); link != NULL; link = link->next) {
    const KvsFragment *fragment = link->data;

    if (fragment->complete && !fragment->sent)
      return TRUE;
  }
  return FALSE;
}

/* Live media and what waits on disk take turns, at borders between fragments. */
gboolean
kvs_fragment_buffer_spool_wants_border (KvsFragmentBuffer *buffer)
{
  if (!buffer->spool_live_first)
    return FALSE;
  if (!buffer->session_is_live)
    return buffer->n_waiting > 0 && has_live (buffer);
  /* the last ones that were read back lie before what this Session sends */
  if (buffer->n_waiting == 0 && count_ahead (buffer) == 0)
    return FALSE;
  return buffer->at == NULL || !((KvsFragment *) buffer->at->data)->complete;
}

/* Returns: where a Session that begins now begins; %NULL if there is nothing to send yet */
GList *
kvs_fragment_buffer_spool_choose_start (KvsFragmentBuffer *buffer)
{
  GList *start = buffer->fragments.head;

  buffer->session_is_live = FALSE;
  if (buffer->spool_is_opening
      && g_get_monotonic_time () - buffer->spool_opening_us < KVS_SPOOL_OPENING_US)
    return NULL;
  kvs_fragment_buffer_spool_ask_again (buffer);
  if (buffer->n_waiting > 0) {
    kvs_fragment_buffer_spool_load_ahead (buffer);
    if (buffer->spool_live_first && has_live (buffer)) {
      buffer->session_is_live = TRUE;
      start = first_live (buffer);
    } else if (start == buffer->after_waiting) {
      return NULL;
    }
  }
  return start != NULL && ((KvsFragment *) start->data)->sendable ? start : NULL;
}
