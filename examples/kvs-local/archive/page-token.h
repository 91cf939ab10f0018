/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a NextToken says: numbers that tell where the next page begins. Clients do not look into it,
 * and may send anything. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

#define KVS_LOCAL_PAGE_TOKEN_MAX_NUMBERS 8

gchar *kvs_local_page_token_make (const gchar *kind, const gint64 *numbers, guint n_numbers);
gboolean kvs_local_page_token_read (const gchar *token, const gchar *kind, gint64 *numbers,
                                    guint n_numbers);

G_END_DECLS
