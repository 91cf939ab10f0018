/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Failures of libavformat as GErrors. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

gboolean kvs_local_av_fail (GError **error, const gchar *what, int code);
gboolean kvs_local_av_check_read (GError **error, const gchar *what, int code);
gboolean kvs_local_av_check (GError **error, const gchar *what, int code);

G_END_DECLS
