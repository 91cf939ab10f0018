/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The manifest of a session (ISO/IEC 23009-1, kvs-api.md section 13). */
#pragma once

#include "playback/playback-session.h"

G_BEGIN_DECLS

gchar *kvs_local_dash_manifest (const KvsLocalPlaybackSession *session);

G_END_DECLS
