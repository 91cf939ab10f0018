/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "av/av-error.h"

#include <errno.h>
#include <gio/gio.h>
#include <libavutil/error.h>

#include "api/service-error.h"

/**
 * kvs_local_av_fail:
 * @error: where to put an error
 * @what: was tried
 * @code: what libavformat or libavcodec returned
 *
 * Media that cannot be read is a fault of who sent it, so it is %KVS_LOCAL_ERROR_INVALID_MEDIA_FRAME.
 * What cannot be written is not: it is a %G_IO_ERROR.
 *
 * Returns: %FALSE
 */
gboolean
kvs_local_av_fail (GError **error, const gchar *what, int code)
{
  gchar text[AV_ERROR_MAX_STRING_SIZE];

  av_strerror (code, text, sizeof text);
  if (code == AVERROR (ENOSPC) || code == AVERROR (EIO))
    g_set_error (error, G_IO_ERROR, g_io_error_from_errno (AVUNERROR (code)), "%s: %s", what, text);
  else
    g_set_error (error, KVS_LOCAL_ERROR, KVS_LOCAL_ERROR_INVALID_MEDIA_FRAME, "%s: %s", what,
                 text);
  return FALSE;
}

/**
 * kvs_local_av_check_read:
 * @error: where to put an error
 * @what: was read, from memory
 * @code: what libavformat returned; of elements that reach beyond others it says EIO
 *
 * Returns: %FALSE with %KVS_LOCAL_ERROR_INVALID_MEDIA_FRAME if @code is an error
 */
gboolean
kvs_local_av_check_read (GError **error, const gchar *what, int code)
{
  return code >= 0 || kvs_local_av_fail (error, what, AVERROR_INVALIDDATA);
}

/**
 * kvs_local_av_check:
 * @error: where to put an error
 * @what: was tried
 * @code: what libavformat or libavcodec returned
 *
 * Returns: %FALSE with an error if @code is one
 */
gboolean
kvs_local_av_check (GError **error, const gchar *what, int code)
{
  return code >= 0 || kvs_local_av_fail (error, what, code);
}
