/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "api/quotas.h"

#include <check.h>

#include "../suite.h"
#include "api/service-error.h"

/* a clock that has run for a while */
#define START_US G_GINT64_CONSTANT (123456789012)

START_TEST (test_bucket_gives_a_second_at_once)
{
  KvsLocalBucket bucket = { 0 };

  for (guint i = 0; i < 5; i++)
    ck_assert (kvs_local_bucket_take (&bucket, 5, 1, START_US));
  ck_assert (!kvs_local_bucket_take (&bucket, 5, 1, START_US));
}
END_TEST

START_TEST (test_bucket_fills_evenly)
{
  KvsLocalBucket bucket = { 0 };

  ck_assert (kvs_local_bucket_take (&bucket, 5, 5, START_US));
  ck_assert (!kvs_local_bucket_take (&bucket, 5, 1, START_US + 199999));
  ck_assert (kvs_local_bucket_take (&bucket, 5, 1, START_US + 200000));
  ck_assert (!kvs_local_bucket_take (&bucket, 5, 1, START_US + 399999));
  ck_assert (kvs_local_bucket_take (&bucket, 5, 1, START_US + 400000));
}
END_TEST

/* What is not used is not saved up for more than a second. */
START_TEST (test_bucket_is_full_after_a_second)
{
  KvsLocalBucket bucket = { 0 };
  gint64 later_us = START_US + (gint64) 3600 * G_USEC_PER_SEC;

  ck_assert (kvs_local_bucket_take (&bucket, 20, 20, START_US));
  ck_assert (kvs_local_bucket_take (&bucket, 20, 20, START_US + G_USEC_PER_SEC));
  ck_assert (kvs_local_bucket_take (&bucket, 20, 20, later_us));
  ck_assert (!kvs_local_bucket_take (&bucket, 20, 1, later_us));
}
END_TEST

START_TEST (test_bucket_refusals_cost_nothing)
{
  KvsLocalBucket bucket = { 0 };

  ck_assert (kvs_local_bucket_take (&bucket, 5, 5, START_US));
  for (guint i = 0; i < 1000; i++)
    ck_assert (!kvs_local_bucket_take (&bucket, 5, 1, START_US));
  ck_assert (kvs_local_bucket_take (&bucket, 5, 1, START_US + 200000));
}
END_TEST

/* 1000 where 500 a second are allowed: that takes two seconds, and can be had at all. */
START_TEST (test_bucket_gives_more_than_a_second_when_nothing_is_owed)
{
  KvsLocalBucket bucket = { 0 };

  ck_assert (kvs_local_bucket_take (&bucket, 500, 1000, START_US));
  ck_assert (!kvs_local_bucket_take (&bucket, 500, 1, START_US + 1001999));
  ck_assert (kvs_local_bucket_take (&bucket, 500, 1, START_US + 1002000));
  ck_assert (!kvs_local_bucket_take (&bucket, 500, 1000, START_US + 2001999));
  ck_assert (kvs_local_bucket_take (&bucket, 500, 1000, START_US + 2002000));
}
END_TEST

START_TEST (test_bucket_of_a_rate_that_does_not_divide_a_second)
{
  KvsLocalBucket bucket = { 0 };

  for (guint i = 0; i < 3; i++)
    ck_assert (kvs_local_bucket_take (&bucket, 3, 1, START_US));
  ck_assert (!kvs_local_bucket_take (&bucket, 3, 1, START_US));
  ck_assert (kvs_local_bucket_take (&bucket, 3, 1, START_US + 333334));
}
END_TEST

START_TEST (test_spending_waits_for_what_is_owed)
{
  KvsLocalBucket bucket = { 0 };

  ck_assert_int_eq (kvs_local_bucket_spend (&bucket, 12500000, 12500000, START_US), 0);
  ck_assert_int_eq (kvs_local_bucket_spend (&bucket, 12500000, 1250000, START_US), 100000);
  ck_assert_int_eq (kvs_local_bucket_spend (&bucket, 12500000, 1, START_US), 100001);
  ck_assert_int_eq (kvs_local_bucket_spend (&bucket, 12500000, 0, START_US + 100001), 0);
}
END_TEST

/* Two who share a bucket and wait as long as they are told get what one would, half each. */
START_TEST (test_spending_shares_evenly)
{
  KvsLocalBucket bucket = { 0 };
  gint64 next_us[2] = { START_US, START_US };
  guint64 had[2] = { 0 };

  for (gint64 now_us = START_US; now_us < START_US + (gint64) 11 * G_USEC_PER_SEC; now_us += 1000) {
    for (guint i = 0; i < 2; i++) {
      if (next_us[i] > now_us)
        continue;
      had[i]++;
      next_us[i] = now_us + kvs_local_bucket_spend (&bucket, 5, 1, now_us);
    }
  }
  /* 5 at once, 11 seconds, and what each has ahead of its wait */
  ck_assert_uint_ge (had[0] + had[1], 60);
  ck_assert_uint_le (had[0] + had[1], 62);
  ck_assert_uint_le (MAX (had[0], had[1]) - MIN (had[0], had[1]), 2);
}
END_TEST

/* As the service documents them */
static const struct {
  KvsLocalQuota quota;
  guint64 per_second;
} documented[] = {
  { KVS_LOCAL_QUOTA_PUT_CALLS, 5 },
  { KVS_LOCAL_QUOTA_PUT_BYTES, 12500 * 1000 },
  { KVS_LOCAL_QUOTA_PUT_FRAGMENTS, 5 },
  { KVS_LOCAL_QUOTA_GET_CALLS, 5 },
  { KVS_LOCAL_QUOTA_GET_BYTES, 25 * 1000 * 1000 },
  { KVS_LOCAL_QUOTA_GET_FRAGMENTS, 5 },
  { KVS_LOCAL_QUOTA_LIST_BYTES, 25 * 1000 * 1000 },
  { KVS_LOCAL_QUOTA_HLS_URLS, 25 },
  { KVS_LOCAL_QUOTA_DASH_URLS, 25 },
  { KVS_LOCAL_QUOTA_METADATA_POINTS, 10000 },
  { KVS_LOCAL_QUOTA_MEDIA_POINTS, 500 },
  { KVS_LOCAL_QUOTA_MASTER_PLAYLISTS, 5 },
  { KVS_LOCAL_QUOTA_MEDIA_PLAYLISTS, 5 },
  { KVS_LOCAL_QUOTA_MANIFESTS, 5 },
  { KVS_LOCAL_QUOTA_INIT_FRAGMENTS, 5 },
  { KVS_LOCAL_QUOTA_MP4_FRAGMENTS, 20 },
  { KVS_LOCAL_QUOTA_TS_FRAGMENTS, 20 },
};

START_TEST (test_quotas_are_those_of_the_service)
{
  KvsLocalQuota quota = documented[_i].quota;
  guint64 n = documented[_i].per_second;
  KvsLocalQuotas quotas = { 0 };
  g_autoptr (GError) error = NULL;
  g_autofree gchar *begin = g_strdup_printf ("The limit of %" G_GUINT64_FORMAT " ", n);

  ck_assert (kvs_local_quotas_take (&quotas, quota, n - 1, START_US, &error));
  ck_assert (kvs_local_quotas_take (&quotas, quota, 1, START_US, &error));
  ck_assert_ptr_null (error);
  ck_assert (!kvs_local_quotas_take (&quotas, quota, 1, START_US, &error));
  ck_assert (g_error_matches (error, KVS_LOCAL_ERROR, KVS_LOCAL_ERROR_CLIENT_LIMIT));
  ck_assert (g_str_has_prefix (error->message, begin));
  ck_assert (g_str_has_suffix (error->message, " is reached."));
  ck_assert_int_eq (kvs_local_quotas_spend (&quotas, quota, n, START_US), G_USEC_PER_SEC);
}
END_TEST

START_TEST (test_quotas_are_counted_each_for_itself)
{
  KvsLocalQuotas quotas = { 0 };

  for (guint i = 0; i < KVS_LOCAL_N_QUOTAS; i++)
    ck_assert (kvs_local_quotas_take (&quotas, documented[i].quota, documented[i].per_second,
                                      START_US, NULL));
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("quotas");
  TCase *bucket = tcase_create ("bucket");
  TCase *quotas = tcase_create ("quotas");

  G_STATIC_ASSERT (G_N_ELEMENTS (documented) == KVS_LOCAL_N_QUOTAS);
  tcase_add_test (bucket, test_bucket_gives_a_second_at_once);
  tcase_add_test (bucket, test_bucket_fills_evenly);
  tcase_add_test (bucket, test_bucket_is_full_after_a_second);
  tcase_add_test (bucket, test_bucket_refusals_cost_nothing);
  tcase_add_test (bucket, test_bucket_gives_more_than_a_second_when_nothing_is_owed);
  tcase_add_test (bucket, test_bucket_of_a_rate_that_does_not_divide_a_second);
  tcase_add_test (bucket, test_spending_waits_for_what_is_owed);
  tcase_add_test (bucket, test_spending_shares_evenly);
  suite_add_tcase (suite, bucket);
  tcase_add_loop_test (quotas, test_quotas_are_those_of_the_service, 0, KVS_LOCAL_N_QUOTAS);
  tcase_add_test (quotas, test_quotas_are_counted_each_for_itself);
  suite_add_tcase (suite, quotas);
  return run_suite (suite);
}
