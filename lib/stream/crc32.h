/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* CRC-32 as Ethernet, PNG and Matroska have it. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

guint32 kvs_crc32 (guint32 crc, gconstpointer data, gsize size);

G_END_DECLS
