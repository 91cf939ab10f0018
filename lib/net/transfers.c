/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "net/transfers.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include "net/sockets.h"

typedef struct {
  KvsLoopTransferFunc func;
  gpointer user_data;
  curl_socket_t fd; /* the last one that libcurl watched for it */
  gboolean reads;   /* whether libcurl waits for bytes on it */
} Transfer;

struct _KvsTransfers {
  CURLM *multi;
  CURLSH *share;       /* TLS sessions, so that a connection to a known host is resumed */
  GHashTable *by_easy; /* CURL * -> Transfer */
  KvsSockets *sockets;
  gint64 deadline_us; /* of libcurl; -1: none */
};

static int
on_socket (CURL *easy, curl_socket_t fd, int what, void *user_data, void *known)
{
  KvsTransfers *transfers = user_data;
  Transfer *transfer = g_hash_table_lookup (transfers->by_easy, easy);
  gboolean is_watched = what != CURL_POLL_REMOVE;
  gboolean reads = is_watched && (what & CURL_POLL_IN) != 0;

  if (transfer != NULL) {
    transfer->fd = fd;
    transfer->reads = reads;
  }
  if (is_watched)
    kvs_sockets_watch (transfers->sockets, fd, reads, (what & CURL_POLL_OUT) != 0);
  else
    kvs_sockets_forget (transfers->sockets, fd);
  return 0;
}

static int
on_timer (CURLM *multi, long timeout_ms, void *user_data)
{
  KvsTransfers *transfers = user_data;

  transfers->deadline_us = timeout_ms < 0 ? -1 : g_get_monotonic_time () + timeout_ms * 1000;
  return 0;
}

/**
 * kvs_transfers_new:
 * @epoll_fd: what the loop waits for; stays the caller's
 *
 * Returns: (transfer full): no transfers
 */
KvsTransfers *
kvs_transfers_new (int epoll_fd)
{
  KvsTransfers *transfers = g_new0 (KvsTransfers, 1);

  transfers->by_easy = g_hash_table_new_full (NULL, NULL, NULL, g_free);
  transfers->sockets = kvs_sockets_new (epoll_fd);
  transfers->deadline_us = -1;
  transfers->share = curl_share_init ();
  curl_share_setopt (transfers->share, CURLSHOPT_SHARE, CURL_LOCK_DATA_SSL_SESSION);
  transfers->multi = curl_multi_init ();
  curl_multi_setopt (transfers->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
  curl_multi_setopt (transfers->multi, CURLMOPT_SOCKETDATA, transfers);
  curl_multi_setopt (transfers->multi, CURLMOPT_TIMERFUNCTION, on_timer);
  curl_multi_setopt (transfers->multi, CURLMOPT_TIMERDATA, transfers);
  return transfers;
}

/**
 * kvs_transfers_free:
 * @transfers: (transfer full): transfers; none of their functions is called any more
 */
void
kvs_transfers_free (KvsTransfers *transfers)
{
  g_hash_table_unref (transfers->by_easy);
  curl_multi_cleanup (transfers->multi);
  curl_share_cleanup (transfers->share);
  kvs_sockets_free (transfers->sockets);
  g_free (transfers);
}

/**
 * kvs_transfers_add:
 * @transfers: transfers
 * @easy: a handle that is ready to run; stays the caller's
 * @func: called once when the transfer has ended
 * @user_data: for @func
 *
 * Returns: whether libcurl took it
 */
gboolean
kvs_transfers_add (KvsTransfers *transfers, CURL *easy, KvsLoopTransferFunc func,
                   gpointer user_data)
{
  Transfer *transfer;

  curl_easy_setopt (easy, CURLOPT_SHARE, transfers->share);
  if (curl_multi_add_handle (transfers->multi, easy) != CURLM_OK)
    return FALSE;
  transfer = g_new0 (Transfer, 1);
  transfer->func = func;
  transfer->user_data = user_data;
  transfer->fd = CURL_SOCKET_BAD;
  g_hash_table_insert (transfers->by_easy, easy, transfer);
  return TRUE;
}

/**
 * kvs_transfers_remove:
 * @transfers: transfers
 * @easy: a handle, running or not
 *
 * Ends the transfer without calling its function. Never from inside a libcurl callback.
 */
void
kvs_transfers_remove (KvsTransfers *transfers, CURL *easy)
{
  if (!g_hash_table_remove (transfers->by_easy, easy))
    return;
  curl_multi_remove_handle (transfers->multi, easy);
  /* Its owner may keep it for longer than there are transfers, and what is in use is not freed. */
  curl_easy_setopt (easy, CURLOPT_SHARE, NULL);
}

static Transfer *
get_connected (KvsTransfers *transfers, CURL *easy)
{
  Transfer *transfer = g_hash_table_lookup (transfers->by_easy, easy);

  return transfer != NULL && transfer->fd != CURL_SOCKET_BAD ? transfer : NULL;
}

/**
 * kvs_transfers_set_gathering:
 * @transfers: transfers
 * @easy: a running transfer
 * @gathering: whether more will be written at once
 *
 * TLS writes a record of 16 KiB at a time. While @gathering, the kernel waits for full packets, for a
 * fifth of a second at most, so that a burst is delivered, and its receiver woken, once.
 */
void
kvs_transfers_set_gathering (KvsTransfers *transfers, CURL *easy, gboolean gathering)
{
  const Transfer *transfer = get_connected (transfers, easy);
  int on = gathering;

  if (transfer != NULL)
    setsockopt (transfer->fd, IPPROTO_TCP, TCP_CORK, &on, sizeof on);
}

/**
 * kvs_transfers_set_patient:
 * @transfers: transfers
 * @easy: a running transfer
 * @patient: whether what comes in for it may wait for kvs_transfers_run() @with_patient
 *
 * Ends with the connection.
 */
void
kvs_transfers_set_patient (KvsTransfers *transfers, CURL *easy, gboolean patient)
{
  const Transfer *transfer = get_connected (transfers, easy);

  if (transfer != NULL)
    kvs_sockets_set_patient (transfers->sockets, transfer->fd, patient);
}

/**
 * kvs_transfers_has_peer_ended:
 * @transfers: transfers
 * @easy: a running transfer whose request has been sent, at least in part
 *
 * libcurl up to 8.8 does not end a transfer by itself when its answer or its connection ends while the
 * upload is paused; it only stops reading, or does not look. 8.5 goes on to wait for bytes after its
 * answer has ended: that is seen only if the connection ends too.
 *
 * Returns: whether nothing more will come from the other side
 */
gboolean
kvs_transfers_has_peer_ended (KvsTransfers *transfers, CURL *easy)
{
  const Transfer *transfer = get_connected (transfers, easy);
  struct pollfd fd = { .events = POLLRDHUP };

  if (transfer == NULL)
    return FALSE;
  if (!transfer->reads)
    return TRUE;
  fd.fd = transfer->fd;
  return poll (&fd, 1, 0) > 0 && (fd.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
}

/* ---- moving them along ---- */

static void
run_timer (KvsTransfers *transfers)
{
  int running;

  /* curl sets the next deadline from inside; so clear this one first. */
  while (transfers->deadline_us >= 0 && transfers->deadline_us <= g_get_monotonic_time ()) {
    transfers->deadline_us = -1;
    curl_multi_socket_action (transfers->multi, CURL_SOCKET_TIMEOUT, 0, &running);
  }
}

static void
run_writers (KvsTransfers *transfers)
{
  int fd, running;

  while (kvs_sockets_take_writer (transfers->sockets, &fd))
    curl_multi_socket_action (transfers->multi, fd, CURL_CSELECT_OUT, &running);
}

static void
run_patient (KvsTransfers *transfers)
{
  const GArray *ready = kvs_sockets_find_ready_patient (transfers->sockets);
  int running;

  for (guint i = 0; i < ready->len; i++)
    curl_multi_socket_action (transfers->multi, g_array_index (ready, gint, i), CURL_CSELECT_IN,
                              &running);
}

static void
run_finished (KvsTransfers *transfers)
{
  CURLMsg *message;
  int left;

  while ((message = curl_multi_info_read (transfers->multi, &left)) != NULL) {
    CURL *easy = message->easy_handle;
    CURLcode result = message->data.result;
    Transfer *found = g_hash_table_lookup (transfers->by_easy, easy);
    Transfer transfer;

    if (message->msg != CURLMSG_DONE || found == NULL)
      continue;
    transfer = *found;
    kvs_transfers_remove (transfers, easy);
    transfer.func (result, transfer.user_data);
  }
}

/**
 * kvs_transfers_get_deadline_us:
 * @transfers: transfers
 *
 * Returns: when kvs_transfers_run() is due, in monotonic microseconds; -1 if it is not
 */
gint64
kvs_transfers_get_deadline_us (KvsTransfers *transfers)
{
  return transfers->deadline_us;
}

/**
 * kvs_transfers_handle_event:
 * @transfers: transfers
 * @event: what epoll says of one of their sockets
 */
void
kvs_transfers_handle_event (KvsTransfers *transfers, const struct epoll_event *event)
{
  int what = 0, running;

  if (event->events & EPOLLIN)
    what |= CURL_CSELECT_IN;
  if (event->events & EPOLLOUT)
    what |= CURL_CSELECT_OUT;
  if (event->events & (EPOLLERR | EPOLLHUP)) {
    what |= CURL_CSELECT_ERR;
    /* What came before the connection broke is still there, and libcurl reads it if it is told so. */
    if (kvs_sockets_is_patient (transfers->sockets, event->data.fd))
      what |= CURL_CSELECT_IN;
  }
  curl_multi_socket_action (transfers->multi, event->data.fd, what, &running);
}

/**
 * kvs_transfers_run:
 * @transfers: transfers
 * @with_patient: whether to read too what has come for those that are patient
 *
 * Does what libcurl wants done at this time, for transfers that were taken out of a pause too, and
 * calls the functions of those that have ended.
 */
void
kvs_transfers_run (KvsTransfers *transfers, gboolean with_patient)
{
  run_timer (transfers);
  run_writers (transfers);
  if (with_patient)
    run_patient (transfers);
  run_finished (transfers);
}

/**
 * kvs_transfers_apply:
 * @transfers: transfers
 *
 * Tells epoll what libcurl waits for. To be called before it is waited for.
 */
void
kvs_transfers_apply (KvsTransfers *transfers)
{
  kvs_sockets_apply (transfers->sockets);
}
