/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Prints the requests that a role is assumed with, for comparison with another implementation: the
 * header lines, if any, and the body. Arguments: URL, region, date, access key, secret key, session
 * token, role ARN, session name, duration, external id, web identity token; "-" for none. */
#include "aws/credentials/sts.h"

#include <stdio.h>
#include <stdlib.h>

enum {
  URL = 1, REGION, DATE, ACCESS_KEY, SECRET_KEY, SESSION_TOKEN, ROLE_ARN, SESSION_NAME, DURATION,
  EXTERNAL_ID, WEB_IDENTITY_TOKEN, N_ARGUMENTS
};

static gchar *
argument (char **argv, guint index)
{
  return g_str_equal (argv[index], "-") ? NULL : argv[index];
}

int
main (int argc, char **argv)
{
  g_autoptr (KvsCredentials) credentials = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree gchar *body = NULL;
  g_auto (GStrv) lines = NULL;
  KvsStsRole role = { 0 };

  if (argc != N_ARGUMENTS)
    return EXIT_FAILURE;
  {
    const KvsStsRole given = {
      .url = argument (argv, URL),
      .role_arn = argument (argv, ROLE_ARN),
      .session_name = argument (argv, SESSION_NAME),
      .external_id = argument (argv, EXTERNAL_ID),
      .duration_s = (guint) strtoul (argv[DURATION], NULL, 10),
    };

    kvs_sts_role_copy (&role, &given);
  }
  if (!kvs_sts_role_check (&role, &error)) {
    fprintf (stderr, "%s\n", error->message);
    return EXIT_FAILURE;
  }
  body = kvs_sts_body_new (&role, argument (argv, WEB_IDENTITY_TOKEN));
  if (argument (argv, WEB_IDENTITY_TOKEN) == NULL) {
    credentials = kvs_credentials_new (argv[ACCESS_KEY], argv[SECRET_KEY],
                                       argument (argv, SESSION_TOKEN), 0);
    lines = kvs_sts_sign (&role, argv[REGION], body, credentials, argv[DATE]);
  }
  for (guint i = 0; lines != NULL && lines[i] != NULL; i++)
    printf ("%s\n", lines[i]);
  printf ("\n%s\n", body);
  kvs_sts_role_clear (&role);
  return EXIT_SUCCESS;
}
