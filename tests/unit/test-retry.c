/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "upload/retry.h"

#include <check.h>
#include <string.h>

#include "../suite.h"

/* kvs-api.md section 7. What each asks for: whether the Fragment can ever be stored, whether the
 * stream can, and else nothing but another try. */
static const struct {
  guint id;
  KvsRetryAction action;
} ack_cases[] = {
  { 4000, KVS_RETRY_RESEND },
  { 4001, KVS_RETRY_DROP_FRAGMENT },
  { 4002, KVS_RETRY_DROP_FRAGMENT },
  { 4003, KVS_RETRY_RENEW },
  { 4004, KVS_RETRY_DROP_FRAGMENT },
  { 4005, KVS_RETRY_FATAL },
  { 4006, KVS_RETRY_DROP_FRAGMENT },
  { 4007, KVS_RETRY_DROP_FRAGMENT },
  { 4008, KVS_RETRY_DESCRIBE },
  { 4009, KVS_RETRY_DROP_FRAGMENT },
  { 4010, KVS_RETRY_DROP_FRAGMENT },
  { 4011, KVS_RETRY_DROP_FRAGMENT },
  { 4012, KVS_RETRY_DROP_FRAGMENT },
  { 4500, KVS_RETRY_FATAL },
  { 4501, KVS_RETRY_FATAL },
  { 4502, KVS_RETRY_FATAL },
  { 4503, KVS_RETRY_RESEND },
  { 4504, KVS_RETRY_FATAL },
  { 4505, KVS_RETRY_FATAL },
  { 4506, KVS_RETRY_FATAL },
  { 4507, KVS_RETRY_DESCRIBE },
  { 5000, KVS_RETRY_RESEND },
  { 5001, KVS_RETRY_RESEND },
};

START_TEST (test_ack_has_its_row)
{
  const gchar *meaning = kvs_retry_describe_ack (ack_cases[_i].id);

  ck_assert_int_eq (kvs_retry_for_ack (ack_cases[_i].id), ack_cases[_i].action);
  ck_assert_msg (strcmp (meaning, kvs_retry_describe_ack (1)) != 0, "%u has no row",
                 ack_cases[_i].id);
  /* every other id that comes near has none, so none is there by a slip of the pen */
  for (guint i = 0; i < G_N_ELEMENTS (ack_cases); i++)
    if (i != (guint) _i)
      ck_assert_str_ne (meaning, kvs_retry_describe_ack (ack_cases[i].id));
}
END_TEST

START_TEST (test_unknown_ack_resends)
{
  static const guint ids[] = { 0, 1, 3999, 4013, 4499, 4508, 4999, 5002, 7000, G_MAXUINT };

  for (guint i = 0; i < G_N_ELEMENTS (ids); i++) {
    ck_assert_int_eq (kvs_retry_for_ack (ids[i]), KVS_RETRY_RESEND);
    ck_assert_str_eq (kvs_retry_describe_ack (ids[i]), kvs_retry_describe_ack (1));
  }
}
END_TEST

static const struct {
  KvsError code;
  const gchar *type;
  KvsRetryAction action;
} error_cases[] = {
  { KVS_ERROR_BAD_ARGUMENT, NULL, KVS_RETRY_FATAL },
  { KVS_ERROR_CREDENTIALS, NULL, KVS_RETRY_REFRESH_CREDENTIALS },
  { KVS_ERROR_ACCESS_DENIED, NULL, KVS_RETRY_REFRESH_CREDENTIALS },
  { KVS_ERROR_NOT_FOUND, NULL, KVS_RETRY_DESCRIBE },
  { KVS_ERROR_LIMIT, NULL, KVS_RETRY_RESEND },
  { KVS_ERROR_NETWORK, NULL, KVS_RETRY_REFRESH_ENDPOINT },
  { KVS_ERROR_UNKNOWN_HOST, NULL, KVS_RETRY_REFRESH_ENDPOINT },
  { KVS_ERROR_TLS, NULL, KVS_RETRY_REFRESH_ENDPOINT },
  { KVS_ERROR_SERVICE, NULL, KVS_RETRY_RESEND },
  { KVS_ERROR_BAD_MEDIA, NULL, KVS_RETRY_FATAL },
  { KVS_ERROR_PROTOCOL, NULL, KVS_RETRY_RESEND },
  { KVS_ERROR_TIMEOUT, NULL, KVS_RETRY_REFRESH_ENDPOINT },
  /* the name says more than the class */
  { KVS_ERROR_BAD_ARGUMENT, "InvalidEndpointException", KVS_RETRY_REFRESH_ENDPOINT },
  { KVS_ERROR_BAD_ARGUMENT, "ResourceInUseException", KVS_RETRY_DESCRIBE },
  { KVS_ERROR_LIMIT, "ClientLimitExceededException", KVS_RETRY_RESEND },
};

START_TEST (test_error)
{
  ck_assert_int_eq (kvs_retry_for_error (error_cases[_i].code, error_cases[_i].type),
                    error_cases[_i].action);
}
END_TEST

#define MS (G_USEC_PER_SEC / 1000)
#define SURELY_LATER 0.999999

/* The bound of each wait, by failures in a row */
static const gint64 bounds_us[] = {
  500 * MS, 1000 * MS, 2000 * MS, 4000 * MS, 8000 * MS, 16000 * MS, 30000 * MS, 30000 * MS,
  30000 * MS,
};

/* Full jitter: the wait is anywhere below its bound, so that cameras that lost one router do not
 * come back at once. */
START_TEST (test_delays)
{
  guint n_failures = (guint) _i + 1;
  gint64 bound_us = bounds_us[_i];

  for (guint i = 1; i < 16; i++) {
    gdouble jitter = i / 16.0;

    ck_assert_int_eq (kvs_retry_delay_us (n_failures, jitter, 0),
                      MAX ((gint64) (jitter * (gdouble) bound_us), 50 * MS));
  }
  ck_assert_int_lt (kvs_retry_delay_us (n_failures, SURELY_LATER, 0), bound_us);
}
END_TEST

START_TEST (test_first_retry_comes_within_a_second)
{
  ck_assert_int_lt (kvs_retry_delay_us (1, SURELY_LATER, 0), G_USEC_PER_SEC);
}
END_TEST

START_TEST (test_service_is_never_hammered)
{
  for (guint i = 1; i < 100; i++)
    ck_assert_int_eq (kvs_retry_delay_us (i, 0, 0), 50 * MS);
}
END_TEST

START_TEST (test_delays_of_many_failures)
{
  static const guint numbers[] = { 8, 50, 1000, G_MAXINT, G_MAXUINT };

  for (guint i = 0; i < G_N_ELEMENTS (numbers); i++) {
    ck_assert_int_eq (kvs_retry_delay_us (numbers[i], 0.5, 0), 15 * G_USEC_PER_SEC);
    ck_assert_int_lt (kvs_retry_delay_us (numbers[i], SURELY_LATER, 0), 30 * G_USEC_PER_SEC);
  }
}
END_TEST

START_TEST (test_retry_after)
{
  ck_assert_int_eq (kvs_retry_delay_us (1, SURELY_LATER, 7), 7 * G_USEC_PER_SEC);
  ck_assert_int_eq (kvs_retry_delay_us (20, 0.5, 3600), 3600 * (gint64) G_USEC_PER_SEC);
  /* it is the least time, not the time at which all come back */
  ck_assert_int_eq (kvs_retry_delay_us (20, 0.5, 1), 15 * G_USEC_PER_SEC);
}
END_TEST

int
main (void)
{
  Suite *s = suite_create ("retry");
  TCase *tc = tcase_create ("retry");

  tcase_add_loop_test (tc, test_ack_has_its_row, 0, G_N_ELEMENTS (ack_cases));
  tcase_add_test (tc, test_unknown_ack_resends);
  tcase_add_loop_test (tc, test_error, 0, G_N_ELEMENTS (error_cases));
  tcase_add_loop_test (tc, test_delays, 0, G_N_ELEMENTS (bounds_us));
  tcase_add_test (tc, test_first_retry_comes_within_a_second);
  tcase_add_test (tc, test_service_is_never_hammered);
  tcase_add_test (tc, test_delays_of_many_failures);
  tcase_add_test (tc, test_retry_after);
  suite_add_tcase (s, tc);
  return run_suite (s);
}
