/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "archive/start-selector.h"

#include "api/service-error.h"
#include "http/args.h"

static const KvsLocalStringShape fragment_number = { 1, 128, "[0-9]+" };
static const KvsLocalStringShape continuation_token = { 1, 128, "[a-zA-Z0-9_\\.\\-]+" };

static gboolean
after_fragment (JsonObject *selector, const gchar *member, const KvsLocalStringShape *shape,
                KvsLocalStore *store, KvsLocalStream *stream, KvsLocalStart *out, GError **error)
{
  const gchar *number;
  KvsLocalFragment fragment;

  if (!kvs_local_args_required_string (selector, member, shape, &number, error))
    return FALSE;
  out->is_missing = !kvs_local_store_find_fragment (store, stream, number, &fragment);
  if (!out->is_missing)
    out->after_id = fragment.id;
  return TRUE;
}

/* Those that the type does not need are held to the model all the same. */
static gboolean
check_members (JsonObject *selector, GError **error)
{
  const gchar *text;
  gint64 ms;

  return kvs_local_args_string (selector, "AfterFragmentNumber", &fragment_number, &text, error)
         && kvs_local_args_string (selector, "ContinuationToken", &continuation_token, &text, error)
         && (!kvs_local_args_has (selector, "StartTimestamp")
             || kvs_local_args_time_ms (selector, "StartTimestamp", &ms, error));
}

/* After all there are, if none is at or after that time */
static gboolean
at_time (JsonObject *selector, KvsLocalStore *store, KvsLocalStream *stream, gboolean of_server,
         KvsLocalStart *out, GError **error)
{
  KvsLocalFragment fragment;
  gint64 ms;

  if (!kvs_local_args_time_ms (selector, "StartTimestamp", &ms, error))
    return FALSE;
  if (of_server ? kvs_local_store_fragment_at_server_time (store, stream, ms, &fragment)
                : kvs_local_store_fragment_at_producer_time (store, stream, ms, &fragment))
    out->after_id = fragment.id - 1;
  else if (kvs_local_store_newest_fragment (store, stream, &fragment))
    out->after_id = fragment.id;
  return TRUE;
}

/**
 * kvs_local_start_selector_resolve:
 * @args: a GetMedia request
 * @store: the store
 * @stream: of the request
 * @out: (out): where to begin
 * @error: where to put an error
 *
 * Returns: whether the request's StartSelector is good
 */
gboolean
kvs_local_start_selector_resolve (JsonObject *args, KvsLocalStore *store, KvsLocalStream *stream,
                                  KvsLocalStart *out, GError **error)
{
  static const gchar *const types[]
    = { "NOW",    "EARLIEST", "FRAGMENT_NUMBER", "SERVER_TIMESTAMP", "PRODUCER_TIMESTAMP",
        "CONTINUATION_TOKEN", NULL };
  JsonObject *selector;
  const gchar *type;
  KvsLocalFragment fragment;

  *out = (KvsLocalStart) { 0 };
  if (!kvs_local_args_object (args, "StartSelector", &selector, error))
    return FALSE;
  if (selector == NULL) {
    g_set_error_literal (error, KVS_LOCAL_ERROR, KVS_LOCAL_ERROR_INVALID_ARGUMENT,
                         "StartSelector is required.");
    return FALSE;
  }
  if (!kvs_local_args_choice (selector, "StartSelectorType", types, &type, error)
      || !check_members (selector, error))
    return FALSE;
  if (g_str_equal (type, "FRAGMENT_NUMBER"))
    return after_fragment (selector, "AfterFragmentNumber", &fragment_number, store, stream, out,
                           error);
  if (g_str_equal (type, "CONTINUATION_TOKEN"))
    return after_fragment (selector, "ContinuationToken", &continuation_token, store, stream, out,
                           error);
  if (g_str_equal (type, "SERVER_TIMESTAMP"))
    return at_time (selector, store, stream, TRUE, out, error);
  if (g_str_equal (type, "PRODUCER_TIMESTAMP"))
    return at_time (selector, store, stream, FALSE, out, error);
  /* the latest chunk is the newest that is whole */
  if (g_str_equal (type, "NOW") && kvs_local_store_newest_fragment (store, stream, &fragment))
    out->after_id = fragment.id - 1;
  return TRUE;
}
