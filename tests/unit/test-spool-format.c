/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "stream/spool-format.h"

#include <check.h>
#include <string.h>

#include "../suite.h"
#include "error.h"
#include "media.h"
#include "spool-rig.h"
#include "stream/crc32.h"

#define TIMECODE_MS SPOOL_RIG_EPOCH_MS
#define N_FRAMES 4
#define PAYLOAD_BYTES 40

/* the check value of CRC catalogues */
START_TEST (test_crc)
{
  const gchar *digits = "123456789";
  guint8 shifted[16 + 64];

  ck_assert_uint_eq (kvs_crc32 (0, digits, 9), 0xcbf43926);
  ck_assert_uint_eq (kvs_crc32 (0, NULL, 0), 0);
  for (guint split = 0; split <= 9; split++)
    ck_assert_uint_eq (kvs_crc32 (kvs_crc32 (0, digits, split), digits + split, 9 - split),
                       0xcbf43926);
  /* 32 zeros, wherever they begin */
  memset (shifted, 0, sizeof shifted);
  for (guint i = 0; i < 16; i++)
    ck_assert_uint_eq (kvs_crc32 (0, shifted + i, 32), 0x190a55ad);
}
END_TEST

/* ---- whole files ---- */

static GBytes *
load (const gchar *path)
{
  gchar *contents;
  gsize size;

  ck_assert (g_file_get_contents (path, &contents, &size, NULL));
  return g_bytes_new_take (contents, size);
}

static GBytes *
make_file (SpoolRig *rig)
{
  g_autoptr (KvsSpoolStore) store = spool_rig_open (rig, G_MAXUINT64);
  g_autofree gchar *path = NULL;

  ck_assert (spool_rig_write (rig, store, TIMECODE_MS, N_FRAMES, PAYLOAD_BYTES, NULL));
  path = spool_rig_only_file (rig);
  return load (path);
}

START_TEST (test_file_is_header_tags_fragment)
{
  g_autoptr (SpoolRig) rig = spool_rig_new ();
  g_autoptr (GBytes) file = make_file (rig);
  g_autoptr (GError) error = NULL;
  g_autoptr (KvsSpoolFragment) fragment = kvs_spool_fragment_parse (file, &error);
  g_autoptr (GByteArray) bytes = spool_rig_fragment (TIMECODE_MS, N_FRAMES, PAYLOAD_BYTES);
  const guint8 *data = g_bytes_get_data (file, NULL);
  gsize header_size = g_bytes_get_size (rig->header);

  ck_assert_msg (fragment != NULL, "%s", error != NULL ? error->message : "");
  ck_assert (g_bytes_equal (fragment->header, rig->header));
  ck_assert_uint_eq (g_bytes_get_size (fragment->bytes), bytes->len);
  ck_assert_mem_eq (g_bytes_get_data (fragment->bytes, NULL), bytes->data, bytes->len);
  ck_assert_mem_eq (data, g_bytes_get_data (rig->header, NULL), header_size);
  ck_assert_mem_eq (data + header_size, "\x12\x54\xc3\x67", 4); /* Tags, RFC 9559 */
  ck_assert_ptr_nonnull (memmem (data, g_bytes_get_size (file), "KVSSINK_SPOOL", 13));
}
END_TEST

static void
assert_refused (guint8 *data, gsize size, const gchar *what)
{
  g_autoptr (GBytes) file = g_bytes_new (data, size);
  g_autoptr (GError) error = NULL;
  g_autoptr (KvsSpoolFragment) fragment = kvs_spool_fragment_parse (file, &error);

  ck_assert_msg (fragment == NULL, "%s was not noticed", what);
  ck_assert (g_error_matches (error, KVS_ERROR, KVS_ERROR_SPOOL_DAMAGED));
}

START_TEST (test_every_flipped_bit_is_noticed)
{
  g_autoptr (SpoolRig) rig = spool_rig_new ();
  g_autoptr (GBytes) file = make_file (rig);
  gsize size = g_bytes_get_size (file);
  g_autofree guint8 *data = g_memdup2 (g_bytes_get_data (file, NULL), size);

  for (gsize bit = 0; bit < 8 * size; bit++) {
    g_autofree gchar *what = g_strdup_printf ("bit %" G_GSIZE_FORMAT, bit);

    data[bit / 8] ^= (guint8) (1 << bit % 8);
    assert_refused (data, size, what);
    data[bit / 8] ^= (guint8) (1 << bit % 8);
  }
}
END_TEST

START_TEST (test_every_other_length_is_noticed)
{
  g_autoptr (SpoolRig) rig = spool_rig_new ();
  g_autoptr (GBytes) file = make_file (rig);
  gsize size = g_bytes_get_size (file);
  g_autofree guint8 *data = g_malloc0 (size + 8);

  memcpy (data, g_bytes_get_data (file, NULL), size);
  for (gsize length = 0; length < size + 8; length++) {
    g_autofree gchar *what = g_strdup_printf ("length %" G_GSIZE_FORMAT, length);

    if (length != size)
      assert_refused (data, length, what);
  }
}
END_TEST

START_TEST (test_other_version_is_said)
{
  g_autoptr (SpoolRig) rig = spool_rig_new ();
  g_autoptr (GBytes) file = make_file (rig);
  gsize size = g_bytes_get_size (file);
  g_autofree guint8 *data = g_memdup2 (g_bytes_get_data (file, NULL), size);
  gchar *version = memmem (data, size, "v1 times", 8);
  g_autoptr (GBytes) newer = NULL;
  g_autoptr (GError) error = NULL;

  ck_assert_ptr_nonnull (version);
  version[1] = '2';
  newer = g_bytes_new (data, size);
  ck_assert_ptr_null (kvs_spool_fragment_parse (newer, &error));
  ck_assert (g_error_matches (error, KVS_ERROR, KVS_ERROR_SPOOL_DAMAGED));
  ck_assert_msg (strstr (error->message, "version") != NULL, "%s", error->message);
}
END_TEST

START_TEST (test_extremes_go_through)
{
  const KvsSpoolRecord records[] = {
    { { TRUE, G_MININT64, G_MININT64, 0 }, { G_MININT64, G_MININT64, 0, 0, 0 } },
    { { FALSE, G_MAXINT64, G_MAXINT64, G_MAXUINT64 },
      { G_MAXINT64, G_MAXINT64, G_MAXUINT, G_MAXUINT32, G_MAXUINT64 } },
  };
  gchar text[2][KVS_SPOOL_RECORD_MAX_BYTES];
  gsize size[2];

  for (guint i = 0; i < 2; i++)
    size[i] = kvs_spool_record_print (&records[i], G_MAXUINT32, text[i]);
  ck_assert_uint_eq (size[0], size[1]);
  ck_assert_uint_eq (size[0], strlen (text[0]));
  ck_assert_uint_lt (size[0] + 1, KVS_SPOOL_RECORD_MAX_BYTES);
}
END_TEST

START_TEST (test_header_has_to_be_one)
{
  g_autoptr (SpoolRig) rig = spool_rig_new ();
  g_autoptr (GBytes) file = make_file (rig);
  g_autoptr (GBytes) empty = g_bytes_new (NULL, 0);
  g_autoptr (GBytes) text = g_bytes_new_static ("not matroska at all", 19);
  g_autoptr (GBytes) cut
      = g_bytes_new_from_bytes (rig->header, 0, g_bytes_get_size (rig->header) - 1);
  GBytes *bad[] = { empty, text, cut, file };

  ck_assert (kvs_spool_header_check (rig->header, NULL));
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++) {
    g_autoptr (GError) error = NULL;

    ck_assert_msg (!kvs_spool_header_check (bad[i], &error), "%u", i);
    ck_assert (g_error_matches (error, KVS_ERROR, KVS_ERROR_BAD_ARGUMENT));
  }
}
END_TEST

/* ---- recovery ---- */

typedef struct {
  GBytes *part;
  GBytes *journal;
  gsize part_ends[N_FRAMES + 1]; /* sizes after 0, 1, ... frames */
  gsize journal_ends[N_FRAMES + 1];
} Leftover;

static void
leave (SpoolRig *rig, Leftover *leftover)
{
  g_autoptr (KvsSpoolStore) store = spool_rig_open (rig, G_MAXUINT64);
  g_autofree gchar *part = g_build_filename (rig->stream_folder, "000000000001.part", NULL);
  g_autofree gchar *journal = g_build_filename (rig->stream_folder, "000000000001.journal", NULL);
  KvsSpoolTimes times = spool_rig_times (TIMECODE_MS);

  ck_assert (kvs_spool_store_begin (store, rig->header, &times, NULL));
  for (guint n = 0;; n++) {
    g_clear_pointer (&leftover->part, g_bytes_unref);
    g_clear_pointer (&leftover->journal, g_bytes_unref);
    leftover->part = load (part);
    leftover->journal = load (journal);
    leftover->part_ends[n] = g_bytes_get_size (leftover->part);
    leftover->journal_ends[n] = g_bytes_get_size (leftover->journal);
    if (n == N_FRAMES)
      return;
    ck_assert (spool_rig_append (rig, store, TIMECODE_MS, n, PAYLOAD_BYTES, NULL));
  }
}

static void
clear_leftover (Leftover *leftover)
{
  g_bytes_unref (leftover->part);
  g_bytes_unref (leftover->journal);
}

static guint
n_recovered (GBytes *part, GBytes *journal)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) bytes = NULL;
  g_autoptr (GBytes) tags = NULL;
  KvsSpoolRecord record;
  gsize header_size, head_size;
  guint32 crc;

  if (!kvs_spool_recover (part, journal, &header_size, &record, &crc, &error)) {
    ck_assert (g_error_matches (error, KVS_ERROR, KVS_ERROR_SPOOL_DAMAGED));
    return 0;
  }
  tags = kvs_spool_tags_new (&record, crc);
  head_size = header_size + g_bytes_get_size (tags);
  bytes = g_bytes_new_from_bytes (part, head_size, (gsize) record.extent.size_bytes);
  ck_assert_uint_eq (spool_rig_check_frames (bytes, TIMECODE_MS, PAYLOAD_BYTES),
                     record.extent.n_frames);
  return record.extent.n_frames;
}

static guint
n_whole (const gsize *ends, gsize size)
{
  guint n = 0;

  while (n < N_FRAMES && ends[n + 1] <= size)
    n++;
  return n;
}

/* Wherever either file ends, what is whole in both is there. */
START_TEST (test_recovers_from_any_length)
{
  g_autoptr (SpoolRig) rig = spool_rig_new ();
  Leftover all = { 0 };

  leave (rig, &all);
  for (gsize size = 0; size <= all.part_ends[N_FRAMES]; size++) {
    g_autoptr (GBytes) part = g_bytes_new_from_bytes (all.part, 0, size);

    ck_assert_uint_eq (n_recovered (part, all.journal), n_whole (all.part_ends, size));
    ck_assert (kvs_spool_is_empty (part) == (size == 0 || size == all.part_ends[0]));
  }
  for (gsize size = 0; size <= all.journal_ends[N_FRAMES]; size++) {
    g_autoptr (GBytes) journal = g_bytes_new_from_bytes (all.journal, 0, size);

    ck_assert_uint_eq (n_recovered (all.part, journal), n_whole (all.journal_ends, size));
  }
  clear_leftover (&all);
}
END_TEST

/* As a power cut may leave it: pages of zeros between those that made it to the disk. */
START_TEST (test_recovers_what_is_before_damage)
{
  g_autoptr (SpoolRig) rig = spool_rig_new ();
  Leftover all = { 0 };

  leave (rig, &all);
  for (gsize at = all.part_ends[0]; at < all.part_ends[N_FRAMES]; at++) {
    gsize size = all.part_ends[N_FRAMES];
    g_autofree guint8 *data = g_memdup2 (g_bytes_get_data (all.part, NULL), size);
    g_autoptr (GBytes) part = NULL;

    data[at] ^= 0x10;
    part = g_bytes_new (data, size);
    ck_assert_uint_eq (n_recovered (part, all.journal), n_whole (all.part_ends, at));
  }
  for (gsize at = 0; at < all.journal_ends[N_FRAMES]; at++) {
    gsize size = all.journal_ends[N_FRAMES];
    g_autofree guint8 *data = g_memdup2 (g_bytes_get_data (all.journal, NULL), size);
    g_autoptr (GBytes) journal = NULL;

    data[at] = 0;
    journal = g_bytes_new (data, size);
    ck_assert_uint_eq (n_recovered (all.part, journal), n_whole (all.journal_ends, at));
  }
  clear_leftover (&all);
}
END_TEST

/* ---- names ---- */

static const struct {
  guint64 sequence;
  gint64 start_ns;
  gint64 end_ns;
  guint n_frames;
  guint32 hash;
  const gchar *name;
} names[] = {
  { 42, 1787480102120 * MEDIA_MS, 1787480104120 * MEDIA_MS, 60, 0x1a2b3c4d,
    "000000000042-20260823T101502.120Z-2000ms-60f-1a2b3c4d.mkv" },
  /* rounded so that nothing lies outside */
  { 1, 1787480102120 * MEDIA_MS + 1, 1787480104120 * MEDIA_MS + 1, 1, 0,
    "000000000001-20260823T101502.120Z-2001ms-1f-00000000.mkv" },
  { 0, -1, 0, 1, 1, "000000000000-19691231T235959.999Z-1ms-1f-00000001.mkv" },
  { 999999999999, -4611686018427 * MEDIA_MS, -4611686018427 * MEDIA_MS, G_MAXUINT, G_MAXUINT32,
    "999999999999-18231112T000621.573Z-0ms-4294967295f-ffffffff.mkv" },
};

START_TEST (test_names_tell_what_is_in_them)
{
  KvsSpoolEntry entry = { .header_hash = names[_i].hash };
  KvsSpoolEntry again;
  gchar name[KVS_SPOOL_NAME_MAX_BYTES];

  kvs_spool_entry_set (&entry, names[_i].sequence, names[_i].start_ns, names[_i].end_ns,
                       names[_i].n_frames);
  ck_assert_int_le (entry.start_ns, names[_i].start_ns);
  ck_assert_int_ge (entry.end_ns, names[_i].end_ns);
  kvs_spool_name_of_fragment (&entry, name);
  ck_assert_str_eq (name, names[_i].name);
  ck_assert_int_eq (kvs_spool_name_parse (name, &again), KVS_SPOOL_NAME_FRAGMENT);
  ck_assert_int_eq (kvs_spool_entry_compare (&entry, &again), 0);
}
END_TEST

/* Times that no camera has, and a frame without an end. */
START_TEST (test_names_bound_times)
{
  static const gint64 times[][2] = {
    { G_MININT64, G_MAXINT64 }, { G_MAXINT64, G_MININT64 }, { G_MAXINT64, G_MAXINT64 },
    { G_MININT64, G_MININT64 }, { 0, 90 * 60 * MEDIA_S },
  };

  for (guint i = 0; i < G_N_ELEMENTS (times); i++) {
    KvsSpoolEntry entry = { 0 };
    KvsSpoolEntry again;
    gchar name[KVS_SPOOL_NAME_MAX_BYTES];

    kvs_spool_entry_set (&entry, i, times[i][0], times[i][1], 1);
    ck_assert_int_ge (entry.end_ns, entry.start_ns);
    ck_assert_int_le (entry.end_ns - entry.start_ns, 60 * 60 * MEDIA_S);
    kvs_spool_name_of_fragment (&entry, name);
    ck_assert_msg (kvs_spool_name_parse (name, &again) == KVS_SPOOL_NAME_FRAGMENT, "%s", name);
    ck_assert_int_eq (kvs_spool_entry_compare (&entry, &again), 0);
  }
}
END_TEST

START_TEST (test_other_names_are_others)
{
  static const gchar *const others[] = {
    "", ".", "..", ".stream", "damaged", "holiday.mkv", "42.mkv", "42.part", "000000000042.part~",
    "42-20260823T101502.120Z-2000ms-60f-1a2b3c4d.mkv",
    "000000000042-20260823T101502.120Z-2000ms-60f-1A2B3C4D.mkv",
    "000000000042-20260823T101502.120Z-02000ms-60f-1a2b3c4d.mkv",
    "000000000042-20260823T101502.120Z--2000ms-60f-1a2b3c4d.mkv",
    "000000000042-20260823T101502.120Z-2000ms-60f-1a2b3c4d.mkv.mkv",
    "000000000042-20260823T101502.120Z-2000ms-60f-1a2b3c4d (copy).mkv",
    "000000000042-20261323T101502.120Z-2000ms-60f-1a2b3c4d.mkv",
    "000000000042-99990101T000000.000Z-2000ms-60f-1a2b3c4d.mkv",
    "000000000042-20260823T101502.120Z-9223372036854775807ms-60f-1a2b3c4d.mkv",
    "1000000000000-20260823T101502.120Z-2000ms-60f-1a2b3c4d.mkv",
    "99999999999999999999.part",
  };
  KvsSpoolEntry entry;

  for (guint i = 0; i < G_N_ELEMENTS (others); i++)
    ck_assert_msg (kvs_spool_name_parse (others[i], &entry) == KVS_SPOOL_NAME_OTHER, "%s",
                   others[i]);
}
END_TEST

START_TEST (test_each_stream_has_a_folder)
{
  g_autoptr (GHashTable) seen = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  g_autofree gchar *front = kvs_spool_name_of_stream ("front-door_1.a");

  ck_assert_str_eq (front, "front-door_1.a");
  for (guint size = 1; size <= 256; size++) {
    for (guint kind = 0; kind < 3; kind++) {
      g_autofree gchar *stream = g_strnfill (size, kind == 0 ? '.' : 'a');
      gchar *name;

      if (kind == 2)
        stream[size - 1] = '.';
      name = kvs_spool_name_of_stream (stream);
      ck_assert_uint_le (strlen (name), 143);
      ck_assert_int_ne (name[0], '.');
      ck_assert_ptr_null (strchr (name, '/'));
      if (kind != 2 || size > 1)
        ck_assert_msg (g_hash_table_add (seen, name), "%s", stream);
      else
        g_free (name);
    }
  }
}
END_TEST

int
main (void)
{
  Suite *s = suite_create ("spool-format");
  TCase *tc = tcase_create ("spool-format");

  tcase_set_timeout (tc, 60);
  tcase_add_test (tc, test_crc);
  tcase_add_test (tc, test_file_is_header_tags_fragment);
  tcase_add_test (tc, test_every_flipped_bit_is_noticed);
  tcase_add_test (tc, test_every_other_length_is_noticed);
  tcase_add_test (tc, test_other_version_is_said);
  tcase_add_test (tc, test_extremes_go_through);
  tcase_add_test (tc, test_header_has_to_be_one);
  tcase_add_test (tc, test_recovers_from_any_length);
  tcase_add_test (tc, test_recovers_what_is_before_damage);
  tcase_add_loop_test (tc, test_names_tell_what_is_in_them, 0, G_N_ELEMENTS (names));
  tcase_add_test (tc, test_names_bound_times);
  tcase_add_test (tc, test_other_names_are_others);
  tcase_add_test (tc, test_each_stream_has_a_folder);
  suite_add_tcase (s, tc);
  return run_suite (s);
}
