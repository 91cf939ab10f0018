/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "http/json-check.h"

#include <string.h>

/* No request needs more than a few. */
#define MAX_DEPTH 32

typedef struct {
  const gchar *at;
  const gchar *end;
} Scanner;

static gboolean take_value (Scanner *scanner, guint depth);

static gboolean
take (Scanner *scanner, gchar character)
{
  if (scanner->at == scanner->end || *scanner->at != character)
    return FALSE;
  scanner->at++;
  return TRUE;
}

static gboolean
take_one_of (Scanner *scanner, const gchar *characters)
{
  for (; *characters != '\0'; characters++) {
    if (take (scanner, *characters))
      return TRUE;
  }
  return FALSE;
}

static void
skip_blanks (Scanner *scanner)
{
  while (take_one_of (scanner, " \t\r\n"))
    ;
}

static gboolean
take_word (Scanner *scanner, const gchar *word)
{
  gsize size = strlen (word);

  if ((gsize) (scanner->end - scanner->at) < size || memcmp (scanner->at, word, size) != 0)
    return FALSE;
  scanner->at += size;
  return TRUE;
}

static gboolean
take_digits (Scanner *scanner)
{
  const gchar *start = scanner->at;

  while (scanner->at < scanner->end && g_ascii_isdigit (*scanner->at))
    scanner->at++;
  return scanner->at > start;
}

static gboolean
take_number (Scanner *scanner)
{
  take (scanner, '-');
  if (!take (scanner, '0') && !take_digits (scanner))
    return FALSE;
  if (take (scanner, '.') && !take_digits (scanner))
    return FALSE;
  if (!take_one_of (scanner, "eE"))
    return TRUE;
  take_one_of (scanner, "+-");
  return take_digits (scanner);
}

static gboolean
take_code (Scanner *scanner, guint *code)
{
  *code = 0;
  for (guint i = 0; i < 4; i++) {
    if (scanner->at == scanner->end || !g_ascii_isxdigit (*scanner->at))
      return FALSE;
    *code = *code << 4 | (guint) g_ascii_xdigit_value (*scanner->at++);
  }
  return TRUE;
}

/* Half a character is none, and a text with a zero would be taken for what is before it. */
static gboolean
take_escape (Scanner *scanner)
{
  guint code, second;

  if (take_one_of (scanner, "\"\\/bfnrt"))
    return TRUE;
  if (!take (scanner, 'u') || !take_code (scanner, &code) || code == 0)
    return FALSE;
  if (code < 0xd800 || code > 0xdfff)
    return TRUE;
  return code < 0xdc00 && take_word (scanner, "\\u") && take_code (scanner, &second)
         && second >= 0xdc00 && second <= 0xdfff;
}

/* What is between quotation marks, with the closing one */
static gboolean
take_text (Scanner *scanner)
{
  while (!take (scanner, '"')) {
    if (scanner->at == scanner->end || (guchar) *scanner->at < 0x20)
      return FALSE;
    if (*scanner->at++ == '\\' && !take_escape (scanner))
      return FALSE;
  }
  return TRUE;
}

static gboolean
take_name (Scanner *scanner)
{
  skip_blanks (scanner);
  if (!take (scanner, '"') || !take_text (scanner))
    return FALSE;
  skip_blanks (scanner);
  return take (scanner, ':');
}

/* What is between brackets, with the closing one */
static gboolean
take_content (Scanner *scanner, gboolean has_names, guint depth)
{
  const gchar closing = has_names ? '}' : ']';

  if (depth == MAX_DEPTH)
    return FALSE;
  skip_blanks (scanner);
  if (take (scanner, closing))
    return TRUE;
  do {
    if ((has_names && !take_name (scanner)) || !take_value (scanner, depth + 1))
      return FALSE;
  } while (take (scanner, ','));
  return take (scanner, closing);
}

static gboolean
take_value (Scanner *scanner, guint depth)
{
  gboolean ok;

  skip_blanks (scanner);
  if (take (scanner, '{'))
    ok = take_content (scanner, TRUE, depth);
  else if (take (scanner, '['))
    ok = take_content (scanner, FALSE, depth);
  else if (take (scanner, '"'))
    ok = take_text (scanner);
  else
    ok = take_word (scanner, "true") || take_word (scanner, "false")
         || take_word (scanner, "null") || take_number (scanner);
  skip_blanks (scanner);
  return ok;
}

/**
 * kvs_local_json_check:
 * @text: (array length=size): of a request
 * @size: its bytes
 *
 * json-glib takes comments, apostrophes, assignments and more for JSON, which the service does not,
 * and calls itself for each level.
 *
 * Returns: whether it is one value of JSON (RFC 8259) in UTF-8, not too deep, and without zero
 *   characters
 */
gboolean
kvs_local_json_check (const gchar *text, gsize size)
{
  Scanner scanner = { text, text + size };

  return g_utf8_validate_len (text, size, NULL) && take_value (&scanner, 0)
         && scanner.at == scanner.end;
}
