/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which media a clip takes. All functions may be called in any thread. */
#pragma once

#include "av/demux.h"

G_BEGIN_DECLS

gboolean kvs_local_clip_media_check (const KvsLocalMedia *media, GError **error);
gboolean kvs_local_clip_media_continues (const KvsLocalMedia *first, const KvsLocalMedia *media,
                                         GError **error);

G_END_DECLS
