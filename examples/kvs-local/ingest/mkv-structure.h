/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Where Matroska allows which element (RFC 9559). */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

gboolean kvs_local_mkv_may_be_in (guint32 id, guint32 parent_id);

G_END_DECLS
