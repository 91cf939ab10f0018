/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A disk that fails. The functions of the C library that change files are replaced by some that
 * fail when they are told to; all else is real. One test at a time: Check forks for each. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

extern guint disk_n_calls; /* since disk_fail_calls() */
extern int disk_fails_with;
extern gboolean disk_only_removal;
extern gsize disk_at_most;  /* bytes that a write takes, 0 for no bound */
extern GString *disk_trace; /* a letter for each call, NULL for none */

/* From call number @from on, @n calls fail; none if @from is 0. */
void disk_fail_calls (guint from, guint n, int with);

G_END_DECLS
