/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Tags elements as text, and what a strict service says to them. */
#pragma once

#include <check.h>
#include <glib.h>

gchar *tags_to_text (GBytes *tags);

/* Takes @bytes, which may be NULL. */
#define assert_tags(bytes, expected)                                                              \
  G_STMT_START                                                                                    \
  {                                                                                               \
    g_autoptr (GBytes) tags_ = (bytes);                                                           \
    g_autofree gchar *text_ = tags_to_text (tags_);                                               \
    ck_assert_str_eq (text_, expected);                                                           \
  }                                                                                               \
  G_STMT_END
