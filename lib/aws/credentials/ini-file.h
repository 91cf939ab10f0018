/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The text of an AWS shared config or credentials file: sections, keys, values. */
#pragma once

#include "error.h"

G_BEGIN_DECLS

typedef struct _KvsIniFile KvsIniFile;

KvsIniFile *kvs_ini_file_parse (const gchar *text, gsize size, GError **error);
void kvs_ini_file_free (KvsIniFile *file);
guint kvs_ini_file_count_sections (const KvsIniFile *file);
const gchar *kvs_ini_file_get_section (const KvsIniFile *file, guint index);
gboolean kvs_ini_file_has_section (const KvsIniFile *file, const gchar *section);
gboolean kvs_ini_file_has (const KvsIniFile *file, const gchar *section, const gchar *key);
const gchar *kvs_ini_file_get (const KvsIniFile *file, const gchar *section, const gchar *key);
const gchar *kvs_ini_file_get_nested (const KvsIniFile *file, const gchar *section,
                                      const gchar *key, const gchar *nested_key);
GList *kvs_ini_file_list_keys (const KvsIniFile *file, const gchar *section);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (KvsIniFile, kvs_ini_file_free)

G_END_DECLS
