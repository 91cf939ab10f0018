/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the service refuses (kvs-api.md sections 7 and 8), held against what a Session carried. */
#pragma once

#include "media.h"

G_BEGIN_DECLS

void service_rules_check (const Wire *wire, gint64 scale_ns, const gchar *where);

G_END_DECLS
