/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which tracks of a fragment have codec private data: libavformat makes some up for AAC without. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

guint kvs_local_codec_private_find (const guint8 *data, gsize size, guint64 *has_private);

G_END_DECLS
