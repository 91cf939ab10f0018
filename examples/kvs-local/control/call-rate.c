/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "control/call-rate.h"

#include "api/service-error.h"

/**
 * kvs_local_call_rate_take:
 * @stream: a stream that a request is about
 * @calls_per_second: as many may come at once, and so many each second; 0 for any number
 * @now_us: monotonic time
 * @error: where to put an error
 *
 * Returns: whether the request is one of those, else with %KVS_LOCAL_ERROR_CLIENT_LIMIT
 */
gboolean
kvs_local_call_rate_take (KvsLocalStream *stream, guint calls_per_second, gint64 now_us,
                          GError **error)
{
  if (calls_per_second == 0
      || kvs_local_bucket_take (&stream->calls, calls_per_second, 1, now_us))
    return TRUE;
  g_set_error (error, KVS_LOCAL_ERROR, KVS_LOCAL_ERROR_CLIENT_LIMIT,
               "The limit of %u calls a second for the stream is reached.", calls_per_second);
  return FALSE;
}
