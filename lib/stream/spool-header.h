/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The header of a Fragment that a crash cut short. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

GBytes *kvs_spool_header_keep_tracks (GBytes *header, guint32 track_mask);

G_END_DECLS
