/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which tracks can be played, and what playlists say about them. */
#pragma once

#include <libavcodec/avcodec.h>

#include <glib.h>

G_BEGIN_DECLS

gboolean kvs_local_codecs_check (const GPtrArray *tracks, gboolean is_ts, GError **error);
gboolean kvs_local_codecs_same_kind (const GPtrArray *a, const GPtrArray *b);
gboolean kvs_local_codecs_equal (const GPtrArray *a, const GPtrArray *b);
gchar *kvs_local_codecs_name (const AVCodecParameters *codec);

G_END_DECLS
