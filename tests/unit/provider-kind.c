/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "provider-kind.h"

#include <string.h>

#include "../suite.h"

#define LONG_MS 20000
#define SHORT_MS 200
#define HOUR_S 3600

static const ProviderKind *kind;
static ProviderRig *rig;

static void
setup (void)
{
  rig = provider_rig_new (kind->is_tls);
  if (kind->set_up != NULL)
    kind->set_up (rig);
}

static void
teardown (void)
{
  provider_rig_free (rig);
  if (kind->tear_down != NULL)
    kind->tear_down ();
}

ProviderRig *
provider_kind_rig (void)
{
  return rig;
}

gchar *
provider_time (gint64 from_now_s)
{
  g_autoptr (GDateTime) now = g_date_time_new_now_utc ();
  g_autoptr (GDateTime) time = g_date_time_add_seconds (now, (gdouble) from_now_s);

  return g_date_time_format (time, "%Y-%m-%dT%H:%M:%SZ");
}

gchar *
provider_kind_good (gint64 expires_in_s)
{
  g_autofree gchar *expiration = provider_time (expires_in_s);

  return kind->good (expiration);
}

void
provider_kind_use (guint timeout_ms)
{
  provider_rig_use (rig, kind->make (rig, timeout_ms));
}

void
provider_kind_answer_steps (void)
{
  for (guint i = 0; kind->steps != NULL && kind->steps[i] != NULL; i++)
    provider_rig_answer (rig, 200, kind->steps[i]);
}

static guint
count_steps (void)
{
  guint n = 0;

  while (kind->steps != NULL && kind->steps[n] != NULL)
    n++;
  return n;
}

/* ---- answers ---- */

START_TEST (test_usual)
{
  g_autofree gchar *good = provider_kind_good (HOUR_S);
  gint64 left_us;

  provider_kind_use (LONG_MS);
  provider_kind_answer_steps ();
  provider_rig_answer (rig, 200, good);
  provider_rig_fetch (rig);
  provider_rig_assert_credentials (rig, "AKID");
  left_us = rig->credentials->expiration_us - g_get_real_time ();
  ck_assert_int_gt (left_us, (HOUR_S - 120) * (gint64) G_USEC_PER_SEC);
  ck_assert_int_le (left_us, HOUR_S * (gint64) G_USEC_PER_SEC);
  provider_rig_assert_header (rig, 0, "user-agent", "test");
}
END_TEST

START_TEST (test_bit_by_bit)
{
  g_autofree gchar *good = provider_kind_good (HOUR_S);

  provider_kind_use (LONG_MS);
  provider_kind_answer_steps ();
  provider_rig_answer_bit_by_bit (rig, 200, good);
  provider_rig_fetch (rig);
  provider_rig_assert_credentials (rig, "AKID");
}
END_TEST

START_TEST (test_expired)
{
  g_autofree gchar *expired = provider_kind_good (-HOUR_S);

  provider_kind_use (LONG_MS);
  provider_kind_answer_steps ();
  provider_rig_answer (rig, 200, expired);
  provider_rig_fetch (rig);
  provider_rig_assert_error (rig, KVS_ERROR_CREDENTIALS, "expired");
}
END_TEST

/* This machine's clock is two hours ahead of the service's. */
START_TEST (test_wrong_clock)
{
  g_autofree gchar *good = provider_kind_good (-HOUR_S);
  gint64 left_us;

  provider_kind_use (LONG_MS);
  provider_kind_answer_steps ();
  provider_rig_answer_dated (rig, 200, good, g_get_real_time () / G_USEC_PER_SEC - 2 * HOUR_S);
  provider_rig_fetch (rig);
  provider_rig_assert_credentials (rig, "AKID");
  left_us = rig->credentials->expiration_us - g_get_real_time ();
  ck_assert_int_gt (left_us, (HOUR_S - 120) * (gint64) G_USEC_PER_SEC);
  ck_assert_int_le (left_us, (HOUR_S + 2) * (gint64) G_USEC_PER_SEC);
}
END_TEST

START_TEST (test_denied)
{
  provider_kind_use (LONG_MS);
  provider_kind_answer_steps ();
  provider_rig_answer (rig, kind->denied_status, kind->denied);
  provider_rig_fetch (rig);
  provider_rig_assert_error (rig, KVS_ERROR_CREDENTIALS, kind->denied_words);
  ck_assert_uint_eq (provider_rig_wait_for_requests (rig, 0), count_steps () + 1);
}
END_TEST

static const gchar *const garbage[] = {
  "", " ", "{", "null", "[]", "{}", "\"AKID\"", "<html><body>Sign in</body></html>", "<a/>",
  "{\"credentials\":[],\"roleCredentials\":1,\"AccessKeyId\":{}}", "\xff\xfe", SESAME,
};

START_TEST (test_garbage)
{
  provider_kind_use (LONG_MS);
  provider_kind_answer_steps ();
  provider_rig_answer (rig, 200, garbage[_i]);
  provider_rig_fetch (rig);
  provider_rig_assert_error (rig, KVS_ERROR_CREDENTIALS, "");
}
END_TEST

START_TEST (test_deep_garbage)
{
  g_autofree gchar *deep = g_strnfill (100000, _i == 0 ? '[' : '<');

  provider_kind_use (LONG_MS);
  provider_kind_answer_steps ();
  provider_rig_answer (rig, 200, deep);
  provider_rig_fetch (rig);
  provider_rig_assert_error (rig, KVS_ERROR_CREDENTIALS, "");
}
END_TEST

START_TEST (test_huge)
{
  g_autofree gchar *good = provider_kind_good (HOUR_S);
  g_autofree gchar *blanks = g_strnfill (4 * 1024 * 1024, ' ');
  g_autofree gchar *huge = g_strconcat (good, blanks, NULL);

  provider_kind_use (LONG_MS);
  provider_kind_answer_steps ();
  provider_rig_answer (rig, 200, huge);
  provider_rig_fetch (rig);
  provider_rig_assert_error (rig, KVS_ERROR_CREDENTIALS, "longer than");
}
END_TEST

/* ---- what passes, or does not ---- */

START_TEST (test_failing_for_a_while)
{
  g_autofree gchar *good = provider_kind_good (HOUR_S);

  provider_kind_use (LONG_MS);
  provider_kind_answer_steps ();
  for (guint i = 1; i < kind->n_tries; i++) {
    if (_i == 0)
      provider_rig_answer_reset (rig);
    else
      provider_rig_answer (rig, (guint) _i, "busy");
  }
  provider_rig_answer (rig, 200, good);
  provider_rig_fetch (rig);
  provider_rig_assert_credentials (rig, "AKID");
}
END_TEST

START_TEST (test_failing)
{
  provider_kind_use (LONG_MS);
  provider_kind_answer_steps ();
  for (guint i = 0; i < kind->n_tries; i++)
    provider_rig_answer (rig, 503, "busy");
  provider_rig_fetch (rig);
  provider_rig_assert_error (rig, KVS_ERROR_SERVICE, "503");
  ck_assert_uint_eq (provider_rig_wait_for_requests (rig, 0), count_steps () + kind->n_tries);
}
END_TEST

START_TEST (test_silence)
{
  provider_kind_use (SHORT_MS);
  provider_kind_answer_steps ();
  provider_rig_fetch (rig);
  ck_assert_ptr_null (rig->credentials);
  /* a machine that is very busy may not even have let it connect */
  ck_assert (g_error_matches (rig->error, KVS_ERROR, KVS_ERROR_TIMEOUT)
             || g_error_matches (rig->error, KVS_ERROR, KVS_ERROR_NETWORK));
}
END_TEST

START_TEST (test_nobody_listens)
{
  provider_rig_refuse_connections (rig);
  provider_kind_use (LONG_MS);
  provider_rig_fetch (rig);
  provider_rig_assert_error (rig, KVS_ERROR_NETWORK, "");
}
END_TEST

/* ---- ends before the end ---- */

START_TEST (test_cancel_at_once)
{
  provider_kind_use (LONG_MS);
  for (guint i = 0; i < 3; i++)
    provider_rig_start_and_cancel (rig);
  ck_assert_ptr_null (rig->credentials);
  ck_assert_ptr_null (rig->error);
}
END_TEST

/* Whatever the fetch is at by then. */
START_TEST (test_cancel_soon)
{
  provider_kind_use (LONG_MS);
  provider_kind_answer_steps ();
  provider_rig_start (rig);
  for (gint i = 0; i < _i; i++)
    g_usleep (300);
  provider_rig_cancel (rig);
  ck_assert_ptr_null (rig->credentials);
}
END_TEST

START_TEST (test_cancel_at_each_request)
{
  g_autofree gchar *good = provider_kind_good (HOUR_S);
  guint n_steps = count_steps () + 1;

  for (guint n = 1; n <= n_steps; n++) {
    guint n_before = provider_rig_wait_for_requests (rig, 0);

    provider_kind_use (LONG_MS);
    for (guint i = 0; i + 1 < n; i++)
      provider_rig_answer (rig, 200, kind->steps[i]);
    provider_rig_start (rig);
    provider_rig_wait_for_requests (rig, n_before + n);
    provider_rig_cancel (rig);
    ck_assert_ptr_null (rig->credentials);
    ck_assert_ptr_null (rig->error);

    /* nothing is left over of it */
    provider_rig_drop (rig);
    provider_kind_use (LONG_MS);
    provider_kind_answer_steps ();
    provider_rig_answer (rig, 200, good);
    provider_rig_fetch (rig);
    provider_rig_assert_credentials (rig, "AKID");
    provider_rig_drop (rig);
  }
}
END_TEST

START_TEST (test_cancel_before_the_next_try)
{
  provider_kind_use (LONG_MS);
  provider_kind_answer_steps ();
  provider_rig_answer (rig, 500, "");
  provider_rig_start (rig);
  provider_rig_wait_for_requests (rig, count_steps () + 1);
  provider_rig_cancel (rig);
  ck_assert_ptr_null (rig->credentials);
  ck_assert_ptr_null (rig->error);
}
END_TEST

int
provider_kind_run (const gchar *name, const ProviderKind *the_kind, void (*add) (TCase *tc))
{
  static const gint passing[] = { 0, 429, 500, 502, 503, 504 };
  Suite *s = suite_create (name);
  TCase *tc = tcase_create ("all kinds");
  TCase *own = tcase_create ("own");

  kind = the_kind;
  tcase_set_timeout (tc, 60);
  tcase_add_checked_fixture (tc, setup, teardown);
  tcase_add_test (tc, test_usual);
  tcase_add_test (tc, test_bit_by_bit);
  tcase_add_test (tc, test_expired);
  tcase_add_test (tc, test_wrong_clock);
  tcase_add_test (tc, test_denied);
  tcase_add_loop_test (tc, test_garbage, 0, G_N_ELEMENTS (garbage));
  tcase_add_loop_test (tc, test_deep_garbage, 0, 2);
  tcase_add_test (tc, test_huge);
  for (guint i = 0; i < G_N_ELEMENTS (passing); i++)
    tcase_add_loop_test (tc, test_failing_for_a_while, passing[i], passing[i] + 1);
  tcase_add_test (tc, test_failing);
  tcase_add_test (tc, test_silence);
  tcase_add_test (tc, test_nobody_listens);
  tcase_add_test (tc, test_cancel_at_once);
  tcase_add_loop_test (tc, test_cancel_soon, 0, 10);
  tcase_add_test (tc, test_cancel_at_each_request);
  tcase_add_test (tc, test_cancel_before_the_next_try);
  suite_add_tcase (s, tc);

  tcase_set_timeout (own, 60);
  tcase_add_checked_fixture (own, setup, teardown);
  add (own);
  suite_add_tcase (s, own);
  return run_suite (s);
}
