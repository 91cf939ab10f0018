/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What keeps a payload alive, until its frame is gone. */
#include "media/frame.h"

#include <check.h>
#include <string.h>

#include "../suite.h"

#define N_OWNED 5

static guint n_released;
static const KvsFrameInfo info = { .track_number = 1 };

/* as much as there is room for, and filled in whole */
static void
check_owner (gpointer owner)
{
  gpointer *words = owner;

  for (guint i = 0; i < KVS_PAYLOAD_OWNER_WORDS; i++)
    ck_assert_uint_eq (GPOINTER_TO_UINT (words[i]), i + 1);
  n_released++;
}

static void
init_owned (KvsPayload *payload, const guint8 *data, gsize size)
{
  *payload = (KvsPayload) {
    .data = data, .size = size, .release = check_owner, .owner_size = sizeof payload->owner,
  };
  for (guint i = 0; i < KVS_PAYLOAD_OWNER_WORDS; i++)
    payload->owner[i] = GUINT_TO_POINTER (i + 1);
}

static void
setup (void)
{
  n_released = 0;
}

START_TEST (test_whole)
{
  static const guint8 data[N_OWNED] = { 1, 2, 3, 4, 5 };
  KvsPayload payload;
  KvsFrame *frame;

  init_owned (&payload, data, sizeof data);
  frame = kvs_frame_new_take (&info, &payload);
  ck_assert_uint_eq (payload.size, 0);
  kvs_payload_clear (&payload);
  ck_assert_uint_eq (n_released, 0);
  ck_assert_uint_eq (frame->n_slices, 1);
  ck_assert_uint_eq (frame->size_bytes, sizeof data);
  ck_assert_ptr_eq (frame->slices[0].data, data);
  kvs_frame_free (frame);
  ck_assert_uint_eq (n_released, 1);
}
END_TEST

/* Lengths come after the owner, in the same memory. */
START_TEST (test_nal_units)
{
  static const guint8 data[] = { 0, 0, 1, 0x65, 0x88, 0, 0, 1, 0x41 };
  static const KvsNalUnit units[] = { { 3, 2 }, { 8, 1 } };
  KvsPayload payload;
  KvsFrame *frame;

  init_owned (&payload, data, sizeof data);
  frame = kvs_frame_new_from_nal_units (&info, &payload, units, G_N_ELEMENTS (units));
  kvs_payload_clear (&payload);
  ck_assert_uint_eq (n_released, 0);
  ck_assert_uint_eq (frame->n_slices, 4);
  ck_assert_int_eq (memcmp (frame->slices[0].data, "\0\0\0\2", 4), 0);
  ck_assert_ptr_eq (frame->slices[1].data, data + 3);
  ck_assert_int_eq (memcmp (frame->slices[2].data, "\0\0\0\1", 4), 0);
  ck_assert_ptr_eq (frame->slices[3].data, data + 8);
  kvs_frame_free (frame);
  ck_assert_uint_eq (n_released, 1);
}
END_TEST

START_TEST (test_bytes)
{
  static const guint8 data[N_OWNED] = { 1, 2, 3, 4, 5 };
  KvsPayload payload;
  GBytes *bytes;

  init_owned (&payload, data, sizeof data);
  bytes = kvs_payload_take_bytes (&payload);
  kvs_payload_clear (&payload);
  ck_assert_uint_eq (n_released, 0);
  ck_assert_uint_eq (g_bytes_get_size (bytes), sizeof data);
  ck_assert_ptr_eq (g_bytes_get_data (bytes, NULL), data);
  g_bytes_unref (bytes);
  ck_assert_uint_eq (n_released, 1);
}
END_TEST

/* Valgrind and the address sanitizer see what is not given back, or twice. */
START_TEST (test_memory)
{
  g_autoptr (GBytes) bytes = g_bytes_new ("abc", 3);
  g_autoptr (KvsFrame) first = kvs_frame_new (&info, bytes);
  g_autoptr (KvsFrame) second = NULL;
  KvsPayload payload;

  kvs_payload_init_take (&payload, g_memdup2 ("defg", 4), 4);
  second = kvs_frame_new_take (&info, &payload);
  kvs_payload_init_take (&payload, g_memdup2 ("hi", 2), 2);
  kvs_payload_clear (&payload);
  kvs_payload_clear (&payload);
  g_clear_pointer (&bytes, g_bytes_unref);
  ck_assert_int_eq (memcmp (first->slices[0].data, "abc", 3), 0);
  ck_assert_int_eq (memcmp (second->slices[0].data, "defg", 4), 0);
}
END_TEST

int
main (void)
{
  Suite *s = suite_create ("frame");
  TCase *tc = tcase_create ("frame");

  tcase_add_checked_fixture (tc, setup, NULL);
  tcase_add_test (tc, test_whole);
  tcase_add_test (tc, test_nal_units);
  tcase_add_test (tc, test_bytes);
  tcase_add_test (tc, test_memory);
  suite_add_tcase (s, tc);
  return run_suite (s);
}
