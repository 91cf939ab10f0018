/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The wall clock of the process, kvssink included. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

void wall_clock_set_us (gint64 now_us);
void wall_clock_step_us (gint64 step_us);

G_END_DECLS
