/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What PutMedia is answered over a connection that is no longer libsoup's, as text. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

gchar *kvs_local_put_answer_head (const gchar *request_id);
gchar *kvs_local_put_answer_refusal (const gchar *request_id, const GError *why);

G_END_DECLS
