/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which tracks have codec private data of their own: libavformat makes some up where it can. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

guint64 kvs_local_tracks_with_private (const guint8 *file, gsize size);

G_END_DECLS
