/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What has to be true of all that came of a sequence. */
#pragma once

#include "player.h"

G_BEGIN_DECLS

gchar *rules_check_service (const Sequence *sequence, const Result *result);
gchar *rules_check_media (Sequence *sequence, const Result *result);

G_END_DECLS
