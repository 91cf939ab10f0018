/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The rules are those of Python's configparser as botocore uses it, with three exceptions where
 * that gives up and other AWS tools do not: a byte order mark is passed over, a section that comes
 * twice is one section, and of a key that comes twice the last value counts. */
#include "aws/credentials/ini-file.h"

#include <openssl/crypto.h>
#include <string.h>

#include "aws/credentials/secret.h"

#define MAX_LINES 65536
/* Values of this section count in all others */
#define DEFAULTS "DEFAULT"
#define BYTE_ORDER_MARK "\xef\xbb\xbf"

typedef struct {
  GString *text;
  guint line;
  GHashTable *nested; /* NULL: a plain value */
} Value;

typedef struct {
  gchar *name;
  GHashTable *values; /* key -> Value */
} Section;

struct _KvsIniFile {
  GPtrArray *sections;  /* of Section, without DEFAULTS */
  GHashTable *by_name;  /* of the same, and DEFAULTS */
};

typedef struct {
  KvsIniFile *file;
  Section *section;
  Value *value; /* which indented lines continue */
  glong indent; /* of the line that began it */
  guint line;
} Parser;

/* ---- memory ---- */

static void
value_free (gpointer data)
{
  Value *value = data;

  OPENSSL_cleanse (value->text->str, value->text->len);
  g_string_free (value->text, TRUE);
  g_clear_pointer (&value->nested, g_hash_table_unref);
  g_free (value);
}

static void
section_free (gpointer data)
{
  Section *section = data;

  g_hash_table_unref (section->values);
  g_free (section->name);
  g_free (section);
}

static Section *
section_new (const gchar *name, gsize size)
{
  Section *section = g_new0 (Section, 1);

  section->name = g_strndup (name, size);
  section->values = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, value_free);
  return section;
}

static KvsIniFile *
ini_file_new (void)
{
  KvsIniFile *file = g_new0 (KvsIniFile, 1);

  file->sections = g_ptr_array_new ();
  file->by_name = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, section_free);
  return file;
}

/**
 * kvs_ini_file_free:
 * @file: (transfer full) (nullable): a file
 *
 * Wipes all values.
 */
void
kvs_ini_file_free (KvsIniFile *file)
{
  if (file == NULL)
    return;
  g_ptr_array_unref (file->sections);
  g_hash_table_unref (file->by_name);
  g_free (file);
}

/* ---- lines ---- */

/* What Python takes for white space: GLib's, the four separators and NEL */
static gboolean
is_space (gunichar c)
{
  return g_unichar_isspace (c) || c == '\v' || (c >= 0x1c && c <= 0x1f) || c == 0x85;
}

static const gchar *
skip_space (const gchar *start, const gchar *end)
{
  while (start < end && is_space (g_utf8_get_char (start)))
    start = g_utf8_next_char (start);
  return start;
}

static const gchar *
cut_space (const gchar *start, const gchar *end)
{
  while (end > start) {
    const gchar *last = g_utf8_prev_char (end);

    if (!is_space (g_utf8_get_char (last)))
      break;
    end = last;
  }
  return end;
}

static gboolean
fail (guint line, const gchar *what, GError **error)
{
  g_set_error (error, KVS_ERROR, KVS_ERROR_CREDENTIALS, "line %u %s", line, what);
  return FALSE;
}

static void
begin_section (Parser *parser, const gchar *name, gsize size)
{
  Section *section = section_new (name, size);
  Section *same = g_hash_table_lookup (parser->file->by_name, section->name);

  parser->value = NULL;
  if (same != NULL) {
    section_free (section);
    parser->section = same;
    return;
  }
  g_hash_table_insert (parser->file->by_name, section->name, section);
  if (strcmp (section->name, DEFAULTS) != 0)
    g_ptr_array_add (parser->file->sections, section);
  parser->section = section;
}

static const gchar *
find_delimiter (const gchar *start, const gchar *end)
{
  while (start < end && *start != '=' && *start != ':')
    start++;
  return start < end ? start : NULL;
}

static gboolean
take_key (Parser *parser, const gchar *start, const gchar *end, GError **error)
{
  const gchar *delimiter = find_delimiter (start, end);
  const gchar *key_end, *text;

  if (delimiter == NULL)
    return fail (parser->line, "is neither a [section] nor a 'key = value'", error);
  key_end = cut_space (start, delimiter);
  if (key_end == start)
    return fail (parser->line, "has no key before the '='", error);
  text = skip_space (delimiter + 1, end);

  parser->value = g_new0 (Value, 1);
  parser->value->text = g_string_new_len (text, end - text);
  parser->value->line = parser->line;
  g_hash_table_replace (parser->section->values, g_ascii_strdown (start, key_end - start),
                        parser->value);
  return TRUE;
}

static void
continue_value (Parser *parser, const gchar *start, const gchar *end)
{
  g_string_append_c (parser->value->text, '\n');
  g_string_append_len (parser->value->text, start, end - start);
}

/* From the first '[' to the last ']'; what is behind that does not count */
static const gchar *
find_section_end (const gchar *start, const gchar *end)
{
  if (*start != '[')
    return NULL;
  while (end > start + 2) {
    end--;
    if (*end == ']')
      return end;
  }
  return NULL;
}

static gboolean
take_line (Parser *parser, const gchar *line, const gchar *line_end, GError **error)
{
  const gchar *start = skip_space (line, line_end);
  const gchar *end = cut_space (start, line_end);
  const gchar *section_end;
  glong indent = g_utf8_strlen (line, start - line);

  if (start == end) {
    if (parser->value != NULL)
      continue_value (parser, start, end);
    return TRUE;
  }
  if (*start == '#' || *start == ';')
    return TRUE;
  if (parser->value != NULL && indent > parser->indent) {
    continue_value (parser, start, end);
    return TRUE;
  }

  parser->indent = indent;
  section_end = find_section_end (start, end);
  if (section_end != NULL) {
    begin_section (parser, start + 1, (gsize) (section_end - start - 1));
    return TRUE;
  }
  if (parser->section == NULL)
    return fail (parser->line, "stands before the first [section]", error);
  return take_key (parser, start, end, error);
}

static gboolean
take_lines (Parser *parser, const gchar *text, const gchar *end, GError **error)
{
  while (text < end) {
    const gchar *line_end = text;

    while (line_end < end && *line_end != '\n' && *line_end != '\r')
      line_end++;
    if (++parser->line > MAX_LINES)
      return fail (parser->line, "is one line too many", error);
    if (!take_line (parser, text, line_end, error))
      return FALSE;
    text = line_end + 1;
    if (line_end < end && *line_end == '\r' && text < end && *text == '\n')
      text++;
  }
  return TRUE;
}

/* ---- values of several lines ---- */

static gboolean
take_nested_line (Value *value, const gchar *start, const gchar *end, GError **error)
{
  const gchar *equals, *key_end;

  start = skip_space (start, end);
  if (start == end)
    return TRUE;
  equals = memchr (start, '=', (gsize) (end - start));
  if (equals == NULL)
    return fail (value->line, "begins a block of nested settings, of which one has no '='", error);
  key_end = cut_space (start, equals);
  equals = skip_space (equals + 1, end);
  end = cut_space (equals, end);
  g_hash_table_replace (value->nested, g_strndup (start, (gsize) (key_end - start)),
                        g_strndup (equals, (gsize) (end - equals)));
  return TRUE;
}

static void
wipe_and_free (gpointer text)
{
  kvs_secret_free (text);
}

/* A value that begins on the line after its key is a block of nested settings. */
static gboolean
finish_value (Value *value, GError **error)
{
  const gchar *start = value->text->str;
  const gchar *end = cut_space (start, start + value->text->len);

  g_string_truncate (value->text, (gsize) (end - start));
  if (*start != '\n')
    return TRUE;
  value->nested = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, wipe_and_free);
  while (start < end) {
    const gchar *line_end = memchr (start, '\n', (gsize) (end - start));

    if (line_end == NULL)
      line_end = end;
    if (!take_nested_line (value, start, line_end, error))
      return FALSE;
    start = line_end + 1;
  }
  return TRUE;
}

static gboolean
finish_values (KvsIniFile *file, GError **error)
{
  GHashTableIter sections, values;
  gpointer section, value;

  g_hash_table_iter_init (&sections, file->by_name);
  while (g_hash_table_iter_next (&sections, NULL, &section)) {
    g_hash_table_iter_init (&values, ((Section *) section)->values);
    while (g_hash_table_iter_next (&values, NULL, &value))
      if (!finish_value (value, error))
        return FALSE;
  }
  return TRUE;
}

/**
 * kvs_ini_file_parse:
 * @text: (array length=size): the bytes of the file
 * @size: how many, at most %KVS_SECRET_FILE_MAX_BYTES
 * @error: where to say which line is wrong and why, as %KVS_ERROR_CREDENTIALS
 *
 * Messages show nothing of what the file holds. A comment is a line of its own: '#' and ';' behind
 * a value are part of it, as botocore has it.
 *
 * Returns: (transfer full) (nullable): the file
 */
KvsIniFile *
kvs_ini_file_parse (const gchar *text, gsize size, GError **error)
{
  g_autoptr (KvsIniFile) file = ini_file_new ();
  Parser parser = { file };

  if (size > KVS_SECRET_FILE_MAX_BYTES) {
    g_set_error_literal (error, KVS_ERROR, KVS_ERROR_CREDENTIALS, "it is too large");
    return NULL;
  }
  if (!g_utf8_validate_len (text, size, NULL)) {
    g_set_error_literal (error, KVS_ERROR, KVS_ERROR_CREDENTIALS,
                         "it is not UTF-8 text; save it as that");
    return NULL;
  }
  if (size >= strlen (BYTE_ORDER_MARK)
      && memcmp (text, BYTE_ORDER_MARK, strlen (BYTE_ORDER_MARK)) == 0) {
    text += strlen (BYTE_ORDER_MARK);
    size -= strlen (BYTE_ORDER_MARK);
  }
  if (!take_lines (&parser, text, text + size, error) || !finish_values (file, error))
    return NULL;
  return g_steal_pointer (&file);
}

/* ---- questions ---- */

static const Value *
find_value (const KvsIniFile *file, const gchar *section, const gchar *key)
{
  const Section *own = g_hash_table_lookup (file->by_name, section);
  const Section *defaults = g_hash_table_lookup (file->by_name, DEFAULTS);
  const Value *value = NULL;

  if (own == NULL)
    return NULL;
  value = g_hash_table_lookup (own->values, key);
  if (value == NULL && defaults != NULL)
    value = g_hash_table_lookup (defaults->values, key);
  return value;
}

/**
 * kvs_ini_file_count_sections:
 * @file: a file
 *
 * Returns: how many sections it has
 */
guint
kvs_ini_file_count_sections (const KvsIniFile *file)
{
  return file->sections->len;
}

/**
 * kvs_ini_file_get_section:
 * @file: a file
 * @index: from 0, in the order in which they first come
 *
 * Returns: (transfer none): what is between the brackets
 */
const gchar *
kvs_ini_file_get_section (const KvsIniFile *file, guint index)
{
  return ((const Section *) g_ptr_array_index (file->sections, index))->name;
}

/**
 * kvs_ini_file_has_section:
 * @file: a file
 * @section: what is between the brackets
 *
 * Returns: whether there is one
 */
gboolean
kvs_ini_file_has_section (const KvsIniFile *file, const gchar *section)
{
  return strcmp (section, DEFAULTS) != 0 && g_hash_table_contains (file->by_name, section);
}

/**
 * kvs_ini_file_has:
 * @file: a file
 * @section: what is between the brackets
 * @key: a key in lower case
 *
 * Returns: whether it has a value, an empty or a nested one too
 */
gboolean
kvs_ini_file_has (const KvsIniFile *file, const gchar *section, const gchar *key)
{
  return find_value (file, section, key) != NULL;
}

/**
 * kvs_ini_file_get:
 * @file: a file
 * @section: what is between the brackets
 * @key: a key in lower case
 *
 * Returns: (transfer none) (nullable): its value; none where it is nested settings
 */
const gchar *
kvs_ini_file_get (const KvsIniFile *file, const gchar *section, const gchar *key)
{
  const Value *value = find_value (file, section, key);

  return value != NULL && value->nested == NULL ? value->text->str : NULL;
}

/**
 * kvs_ini_file_get_nested:
 * @file: a file
 * @section: what is between the brackets
 * @key: a key in lower case
 * @nested_key: a key of those indented under it
 *
 * Returns: (transfer none) (nullable): the value
 */
const gchar *
kvs_ini_file_get_nested (const KvsIniFile *file, const gchar *section, const gchar *key,
                         const gchar *nested_key)
{
  const Value *value = find_value (file, section, key);

  if (value == NULL || value->nested == NULL)
    return NULL;
  return g_hash_table_lookup (value->nested, nested_key);
}

/**
 * kvs_ini_file_list_keys:
 * @file: a file
 * @section: what is between the brackets
 *
 * Returns: (transfer container) (element-type utf8): the keys of this section itself, in no order
 */
GList *
kvs_ini_file_list_keys (const KvsIniFile *file, const gchar *section)
{
  const Section *own = g_hash_table_lookup (file->by_name, section);

  return own != NULL ? g_hash_table_get_keys (own->values) : NULL;
}
