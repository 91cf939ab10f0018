/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Splits text into words as a POSIX shell does, without anything that a shell expands. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

gchar **kvs_shell_words_split (const gchar *text);

G_END_DECLS
