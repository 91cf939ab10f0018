/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Without arguments: for each line "service region fips dual-stack" of standard input, the service's
 * address. With "choose": the region and the control plane's address that environment and profile
 * come to, or "error" and why. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "aws/endpoint-choice.h"
#include "aws/endpoint.h"

static void
print_addresses (void)
{
  gchar line[512];

  while (fgets (line, sizeof line, stdin) != NULL) {
    g_auto (GStrv) words = g_strsplit (g_strstrip (line), " ", -1);
    g_autofree gchar *address
        = g_strv_length (words) == 4
              ? kvs_endpoint_for_service (words[0], words[1], *words[2] == '1', *words[3] == '1')
              : NULL;

    puts (address != NULL ? address : "none");
  }
}

static void
print_choice (void)
{
  const KvsEndpointWish wish = { .region = NULL };
  g_autoptr (GError) error = NULL;
  g_autoptr (KvsEndpointChoice) choice = kvs_endpoint_choose (&wish, &error);

  if (choice != NULL)
    printf ("%s\n%s\n", choice->region, choice->endpoint);
  else
    printf ("error\n%s\n", error->message);
}

int
main (int argc, char **argv)
{
  if (argc > 1 && strcmp (argv[1], "choose") == 0)
    print_choice ();
  else
    print_addresses ();
  return EXIT_SUCCESS;
}
