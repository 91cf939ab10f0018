/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Stands in for libFuzzer where there is none:
 *
 *   fuzz-x FILE...       feeds the files to the target
 *   fuzz-x [DIRECTORY]   feeds the directory's files, and a fixed number of random inputs and of
 *                        mutations of those files; the directory may also come from the
 *                        environment variable KVS_FUZZ_CORPUS
 *
 * The seed is fixed and no clock is read, so that every run does the same. */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#define SEED 1u
#define N_RANDOM 4000
#define N_MUTATED 16000
#define MAX_BYTES 4096

/* what formats hang on: start codes, emulation prevention, unknown sizes, JSON's structure */
static const struct {
  const gchar *bytes;
  guint size;
} tokens[] = {
  { "\0\0\1", 3 }, { "\0\0\0\1", 4 }, { "\0\0\3", 3 }, { "\1\1\1\1", 4 },
  { "\xff\xff\xff\xff", 4 }, { "\x01\xff\xff\xff\xff\xff\xff\xff", 8 }, { "\0\0\0\0\0\0\0\0", 8 },
  { "{", 1 }, { "}", 1 }, { "[", 1 }, { "]", 1 }, { "\"", 1 }, { "\\", 1 }, { "\n", 1 },
};

static void
feed (const guint8 *data, gsize size)
{
  /* on the heap, at its exact size: a sanitizer then sees any look beyond it */
  g_autofree guint8 *copy = g_memdup2 (data, size);

  LLVMFuzzerTestOneInput (copy, size);
}

static GBytes *
load (const gchar *path)
{
  g_autoptr (GError) error = NULL;
  gchar *contents;
  gsize size;

  if (!g_file_get_contents (path, &contents, &size, &error)) {
    g_printerr ("%s\n", error->message);
    exit (EXIT_FAILURE);
  }
  return g_bytes_new_take (contents, size);
}

static gint
compare_names (gconstpointer a, gconstpointer b)
{
  return strcmp (*(const gchar *const *) a, *(const gchar *const *) b);
}

/* In order of their names, since the order of a directory differs between file systems. */
static void
load_directory (const gchar *path, GPtrArray *seeds)
{
  g_autoptr (GPtrArray) names = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GError) error = NULL;
  g_autoptr (GDir) dir = g_dir_open (path, 0, &error);
  const gchar *name;

  if (dir == NULL) {
    g_printerr ("%s\n", error->message);
    exit (EXIT_FAILURE);
  }
  while ((name = g_dir_read_name (dir)) != NULL)
    g_ptr_array_add (names, g_build_filename (path, name, NULL));
  g_ptr_array_sort (names, compare_names);
  for (guint i = 0; i < names->len; i++)
    g_ptr_array_add (seeds, load (g_ptr_array_index (names, i)));
}

static guint
below (GRand *rand, guint n)
{
  return n == 0 ? 0 : g_rand_int (rand) % n;
}

static void
insert (GByteArray *out, guint at, gconstpointer data, guint size)
{
  guint old = out->len;

  if (size == 0)
    return;
  g_byte_array_set_size (out, old + size);
  memmove (out->data + at + size, out->data + at, old - at);
  memcpy (out->data + at, data, size);
}

static void
mutate_once (GRand *rand, GByteArray *out, GBytes *other)
{
  guint at = below (rand, out->len + 1);
  guint n = 1 + below (rand, 16);
  guint token = below (rand, G_N_ELEMENTS (tokens));
  gsize other_size;
  const guint8 *other_data = g_bytes_get_data (other, &other_size);

  switch (below (rand, 6)) {
  case 0:
    if (at < out->len)
      out->data[at] ^= (guint8) (1u << below (rand, 8));
    break;
  case 1:
    if (at < out->len)
      out->data[at] = (guint8) g_rand_int (rand);
    break;
  case 2:
    insert (out, at, tokens[token].bytes, tokens[token].size);
    break;
  case 3:
    if (at < out->len)
      g_byte_array_remove_range (out, at, MIN (n, out->len - at));
    break;
  case 4: {
    guint from = below (rand, (guint) other_size);

    insert (out, at, other_data + from, MIN (4 * n, (guint) other_size - from));
    break;
  }
  default:
    if (below (rand, 8) == 0)
      g_byte_array_set_size (out, at);
    break;
  }
}

static void
run_random (GRand *rand)
{
  guint8 data[MAX_BYTES];

  for (guint round = 0; round < N_RANDOM; round++) {
    /* few values give many zeros and ones, sizes of all magnitudes */
    guint n_values = below (rand, 2) == 0 ? 2 + below (rand, 6) : 256;
    guint size = below (rand, MAX_BYTES >> below (rand, 10));

    for (guint i = 0; i < size; i++)
      data[i] = (guint8) below (rand, n_values);
    feed (data, size);
  }
}

static void
run_mutated (GRand *rand, GPtrArray *seeds)
{
  g_autoptr (GByteArray) out = g_byte_array_new ();

  for (guint i = 0; i < seeds->len; i++) {
    GBytes *seed = g_ptr_array_index (seeds, i);

    feed (g_bytes_get_data (seed, NULL), g_bytes_get_size (seed));
  }
  for (guint round = 0; seeds->len > 0 && round < N_MUTATED; round++) {
    GBytes *seed = g_ptr_array_index (seeds, below (rand, seeds->len));
    guint n = 1 + below (rand, 8);

    g_byte_array_set_size (out, 0);
    insert (out, 0, g_bytes_get_data (seed, NULL), (guint) g_bytes_get_size (seed));
    for (guint i = 0; i < n; i++)
      mutate_once (rand, out, g_ptr_array_index (seeds, below (rand, seeds->len)));
    feed (out->data, out->len);
  }
}

int
main (int argc, char **argv)
{
  const gchar *directory = g_getenv ("KVS_FUZZ_CORPUS");
  g_autoptr (GPtrArray) seeds = g_ptr_array_new_with_free_func ((GDestroyNotify) g_bytes_unref);
  g_autoptr (GRand) rand = g_rand_new_with_seed (SEED);

  g_log_set_always_fatal (G_LOG_FATAL_MASK | G_LOG_LEVEL_CRITICAL | G_LOG_LEVEL_WARNING);
  if (argc == 2 && g_file_test (argv[1], G_FILE_TEST_IS_DIR)) {
    directory = argv[1];
  } else if (argc > 1) {
    for (int i = 1; i < argc; i++) {
      g_autoptr (GBytes) bytes = load (argv[i]);

      feed (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes));
    }
    return EXIT_SUCCESS;
  }
  if (directory != NULL && g_file_test (directory, G_FILE_TEST_IS_DIR))
    load_directory (directory, seeds);
  run_random (rand);
  run_mutated (rand, seeds);
  return EXIT_SUCCESS;
}
