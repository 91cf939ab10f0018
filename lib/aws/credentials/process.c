/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "aws/credentials/process.h"

#include <errno.h>
#include <glib-unix.h>
#include <openssl/crypto.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <unistd.h>

/* How late an exit is noticed at most. There are kernels in use that have no pidfd yet. */
#define TICK_MS 20
#define MAX_MESSAGE_BYTES 300

typedef struct {
  int fd; /* -1: at its end */
  gsize used;
  gsize capacity;
  gchar *bytes;
} Pipe;

struct _KvsProcess {
  gchar **argv;
  gint64 timeout_us;
  int stop_fd; /* any thread may write to it */

  /* the thread of kvs_process_run() */
  GPid pid;
  int status;
  Pipe output;
  Pipe messages;
};

/**
 * kvs_process_new:
 * @argv: (transfer full): the program, found by PATH where it has no slash, and its arguments
 * @timeout_us: how long it may take
 *
 * Returns: (transfer full): a run that has not begun
 */
KvsProcess *
kvs_process_new (gchar **argv, gint64 timeout_us)
{
  KvsProcess *process = g_new0 (KvsProcess, 1);

  process->argv = argv;
  process->timeout_us = timeout_us;
  process->stop_fd = eventfd (0, EFD_CLOEXEC | EFD_NONBLOCK);
  process->output.fd = process->messages.fd = -1;
  process->output.capacity = KVS_PROCESS_MAX_OUTPUT_BYTES;
  process->messages.capacity = MAX_MESSAGE_BYTES;
  return process;
}

static void
pipe_clear (Pipe *pipe)
{
  if (pipe->fd >= 0)
    close (pipe->fd);
  if (pipe->bytes != NULL)
    OPENSSL_cleanse (pipe->bytes, pipe->used);
  g_free (pipe->bytes);
}

/**
 * kvs_process_free:
 * @process: (transfer full) (nullable): a run that has not begun, or has ended
 *
 * Wipes what the program wrote.
 */
void
kvs_process_free (KvsProcess *process)
{
  if (process == NULL)
    return;
  pipe_clear (&process->output);
  pipe_clear (&process->messages);
  if (process->stop_fd >= 0)
    close (process->stop_fd);
  g_strfreev (process->argv);
  g_free (process);
}

/* ---- what it writes ---- */

/* Once there is no room the rest is thrown away, so that the program does not wait for us.
 *
 * Returns: whether there was room for all */
static gboolean
drain (Pipe *pipe)
{
  gchar rest[512];
  gboolean fits = TRUE;

  while (pipe->fd >= 0) {
    gsize room = pipe->capacity - pipe->used;
    gssize n = read (pipe->fd, room > 0 ? pipe->bytes + pipe->used : rest,
                     room > 0 ? room : sizeof rest);

    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0 && errno == EAGAIN)
      break;
    if (n <= 0) {
      close (pipe->fd);
      pipe->fd = -1;
    } else if (room > 0) {
      pipe->used += (gsize) n;
    } else {
      OPENSSL_cleanse (rest, sizeof rest);
      fits = FALSE;
      break;
    }
  }
  return fits;
}

static void
drain_messages (KvsProcess *process)
{
  /* One that never stops must not keep us here: what is left is for the next turn. */
  for (guint i = 0; i < 64 && !drain (&process->messages); i++)
    ;
}

/* The first line, for a message */
static gchar *
dup_first_line (const Pipe *messages)
{
  gsize size = 0;
  g_autofree gchar *line = NULL;
  gchar *valid;

  while (size < messages->used && messages->bytes[size] != '\n' && messages->bytes[size] != '\0')
    size++;
  line = g_strndup (messages->bytes, size);
  valid = g_utf8_make_valid (line, -1);
  for (gchar *c = valid; *c != '\0'; c++)
    if (g_ascii_iscntrl (*c))
      *c = ' ';
  return g_strstrip (valid);
}

/* ---- how it ends ---- */

static gboolean
has_exited (KvsProcess *process, int options)
{
  pid_t pid;

  do {
    pid = waitpid (process->pid, &process->status, options);
  } while (pid < 0 && errno == EINTR);
  /* Where the application ignores SIGCHLD nobody learns how a child ended: the output tells. */
  if (pid < 0)
    process->status = 0;
  return pid != 0;
}

/* All of its group, since what was started may be a script that waits for the program proper. */
static void
end_by_force (KvsProcess *process)
{
  if (kill (-process->pid, SIGKILL) < 0)
    kill (process->pid, SIGKILL);
  has_exited (process, 0);
}

static gboolean
fail (KvsProcess *process, KvsError code, const gchar *what, GError **error)
{
  g_autofree gchar *line = dup_first_line (&process->messages);

  g_set_error (error, KVS_ERROR, code, "'%s' %s%s%s", process->argv[0], what,
               *line != '\0' ? "; it says: " : "", line);
  return FALSE;
}

static gboolean
check_status (KvsProcess *process, GError **error)
{
  g_autofree gchar *what = NULL;

  if (WIFEXITED (process->status) && WEXITSTATUS (process->status) == 0)
    return TRUE;
  if (WIFEXITED (process->status))
    what = g_strdup_printf ("ended with exit status %d", WEXITSTATUS (process->status));
  else
    what = g_strdup_printf ("was ended by signal %d", WTERMSIG (process->status));
  return fail (process, KVS_ERROR_CREDENTIALS, what, error);
}

/* ---- a run ---- */

/* In the child, where only what a signal handler may do is allowed */
static void
become_group (gpointer user_data)
{
  setpgid (0, 0);
}

static gboolean
start (KvsProcess *process, GError **error)
{
  g_autoptr (GError) failure = NULL;

  if (!g_spawn_async_with_pipes (NULL, process->argv, NULL,
                                 G_SPAWN_DO_NOT_REAP_CHILD | G_SPAWN_SEARCH_PATH
                                   | G_SPAWN_CLOEXEC_PIPES,
                                 become_group, NULL, &process->pid, NULL, &process->output.fd,
                                 &process->messages.fd, &failure)) {
    g_set_error (error, KVS_ERROR, KVS_ERROR_CREDENTIALS, "it cannot be run: %s", failure->message);
    return FALSE;
  }
  g_unix_set_fd_nonblocking (process->output.fd, TRUE, NULL);
  g_unix_set_fd_nonblocking (process->messages.fd, TRUE, NULL);
  process->output.bytes = g_malloc (process->output.capacity);
  process->messages.bytes = g_malloc (process->messages.capacity);
  return TRUE;
}

static gboolean
wait_for_end (KvsProcess *process, GError **error)
{
  gint64 deadline_us = g_get_monotonic_time () + process->timeout_us;

  for (;;) {
    struct pollfd fds[] = {
      { process->stop_fd, POLLIN }, { process->output.fd, POLLIN }, { process->messages.fd, POLLIN }
    };
    gboolean exited = has_exited (process, WNOHANG);
    gboolean fits = drain (&process->output);

    drain_messages (process);
    if (!exited && (!fits || g_get_monotonic_time () > deadline_us || poll (fds, 1, 0) > 0)) {
      gboolean late = fits && g_get_monotonic_time () > deadline_us;

      end_by_force (process);
      return fail (process, late ? KVS_ERROR_TIMEOUT : KVS_ERROR_CREDENTIALS,
                   late    ? "did not end in time"
                   : !fits ? "writes more than credentials can be"
                           : "was stopped", error);
    }
    if (exited)
      return fits || fail (process, KVS_ERROR_CREDENTIALS, "wrote more than credentials can be",
                           error);
    poll (fds, G_N_ELEMENTS (fds), TICK_MS);
  }
}

/**
 * kvs_process_run:
 * @process: a run that has not begun
 * @error: where to say why it failed: %KVS_ERROR_TIMEOUT, or %KVS_ERROR_CREDENTIALS with the first
 *   line that the program wrote to its standard error, never any of its output
 *
 * Without a shell, with nothing to read, in a process group of its own. Does not wait for what the
 * program leaves running behind it. Blocks: not for the I/O thread.
 *
 * Returns: whether it ended well
 */
gboolean
kvs_process_run (KvsProcess *process, GError **error)
{
  return start (process, error) && wait_for_end (process, error) && check_status (process, error);
}

/**
 * kvs_process_stop:
 * @process: a run
 *
 * Kills what runs, and what would still be started; kvs_process_run() then fails soon. Any thread.
 */
void
kvs_process_stop (KvsProcess *process)
{
  guint64 one = 1;

  while (write (process->stop_fd, &one, sizeof one) < 0 && errno == EINTR)
    ;
}

/**
 * kvs_process_get_output:
 * @process: a run that ended well
 * @size: (out): how many bytes
 *
 * Returns: (transfer none): what it wrote to its standard output
 */
const gchar *
kvs_process_get_output (const KvsProcess *process, gsize *size)
{
  *size = process->output.used;
  return process->output.bytes;
}
