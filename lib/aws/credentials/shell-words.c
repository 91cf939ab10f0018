/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The rules of Python's shlex.split(), by which botocore reads profile names and commands. They are
 * not those of g_shell_parse_argv(), which knows comments and joins lines. */
#include "aws/credentials/shell-words.h"

#include <string.h>

typedef struct {
  GPtrArray *words;
  GString *word;
  gboolean open; /* a word has begun, even if it is empty so far */
  gchar quote;   /* '\'', '"' or 0 */
} Splitter;

static void
end_word (Splitter *splitter)
{
  if (!splitter->open)
    return;
  g_ptr_array_add (splitter->words, g_strndup (splitter->word->str, splitter->word->len));
  g_string_truncate (splitter->word, 0);
  splitter->open = FALSE;
}

/* @escaped follows a backslash. Between double quotes a backslash that escapes nothing stays. */
static void
take_escaped (Splitter *splitter, gchar escaped)
{
  if (splitter->quote != 0 && escaped != '"' && escaped != '\\')
    g_string_append_c (splitter->word, '\\');
  g_string_append_c (splitter->word, escaped);
  splitter->open = TRUE;
}

static void
take (Splitter *splitter, gchar c)
{
  if (splitter->quote == 0 && strchr (" \t\r\n", c) != NULL) {
    end_word (splitter);
    return;
  }
  splitter->open = TRUE;
  if (splitter->quote == 0 && (c == '"' || c == '\''))
    splitter->quote = c;
  else if (c == splitter->quote)
    splitter->quote = 0;
  else
    g_string_append_c (splitter->word, c);
}

/**
 * kvs_shell_words_split:
 * @text: text
 *
 * Single quotes keep all, double quotes all but \" and \\, a backslash keeps what follows it.
 *
 * Returns: (transfer full) (nullable): the words, or %NULL where a quote is not closed or nothing
 *   follows a backslash
 */
gchar **
kvs_shell_words_split (const gchar *text)
{
  Splitter splitter = { g_ptr_array_new_with_free_func (g_free), g_string_new (NULL) };
  gboolean good = TRUE;

  for (; *text != '\0'; text++) {
    if (*text != '\\' || splitter.quote == '\'') {
      take (&splitter, *text);
      continue;
    }
    text++;
    if (*text == '\0') {
      good = FALSE;
      break;
    }
    take_escaped (&splitter, *text);
  }
  good = good && splitter.quote == 0;
  end_word (&splitter);
  g_string_free (splitter.word, TRUE);
  if (!good) {
    g_ptr_array_unref (splitter.words);
    return NULL;
  }
  g_ptr_array_add (splitter.words, NULL);
  return (gchar **) g_ptr_array_free (splitter.words, FALSE);
}
