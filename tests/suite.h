/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The end of each main() of a test. */
#pragma once

#include <check.h>
#include <stdlib.h>

/* Runs @suite, which is freed, and gives what main() returns. */
static inline int
run_suite (Suite *suite)
{
  SRunner *runner = srunner_create (suite);
  int n_failed;

  srunner_run_all (runner, CK_ENV);
  n_failed = srunner_ntests_failed (runner);
  srunner_free (runner);
  return n_failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
