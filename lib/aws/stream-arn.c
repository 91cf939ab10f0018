/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "aws/stream-arn.h"

#include <string.h>

#include "aws/endpoint.h"

#define MAX_ARN_BYTES 1024
#define MAX_NAME_BYTES 256
#define N_FIELDS 6
#define LOWER "abcdefghijklmnopqrstuvwxyz"
#define DIGITS "0123456789"
#define NAME_CHARS LOWER "ABCDEFGHIJKLMNOPQRSTUVWXYZ" DIGITS "_.-"

static gboolean
has_only (const gchar *text, const gchar *characters)
{
  return *text != '\0' && text[strspn (text, characters)] == '\0';
}

/* @fields: what stands between the colons. Returns: what is wrong, or %NULL */
static const gchar *
find_fault (gchar **fields, gchar **resource)
{
  if (g_strv_length (fields) != N_FIELDS || !g_str_equal (fields[0], "arn"))
    return "it has another form";
  if (!has_only (fields[1], LOWER DIGITS "-"))
    return "it has no partition such as aws";
  if (!g_str_equal (fields[2], "kinesisvideo"))
    return "it is of another service";
  if (!kvs_region_is_valid (fields[3]))
    return "it names no region";
  if (!has_only (fields[4], DIGITS))
    return "it names no account";
  if (g_strv_length (resource) != 3 || !g_str_equal (resource[0], "stream"))
    return "it does not end in stream/<name>/<number>";
  if (!has_only (resource[1], NAME_CHARS) || strlen (resource[1]) > MAX_NAME_BYTES)
    return "it has no valid name of a stream";
  return has_only (resource[2], DIGITS) ? NULL : "it does not end in a number";
}

/**
 * kvs_stream_arn_parse:
 * @text: what a user has given for an ARN
 * @error: what is wrong with it, as %KVS_ERROR_BAD_ARGUMENT
 *
 * Returns: (transfer full) (nullable): its parts
 */
KvsStreamArn *
kvs_stream_arn_parse (const gchar *text, GError **error)
{
  g_auto (GStrv) fields = g_strsplit (text, ":", N_FIELDS + 1);
  gboolean is_whole = g_strv_length (fields) == N_FIELDS;
  g_auto (GStrv) resource = g_strsplit (is_whole ? fields[N_FIELDS - 1] : "", "/", -1);
  const gchar *fault = strlen (text) > MAX_ARN_BYTES ? "it is too long"
                                                     : find_fault (fields, resource);
  KvsStreamArn *arn;

  if (fault != NULL) {
    g_set_error (error, KVS_ERROR, KVS_ERROR_BAD_ARGUMENT,
                 "\"%.*s\" is not the ARN of a stream: %s; stream-arn is such as "
                 "arn:aws:kinesisvideo:us-west-2:123456789012:stream/my-stream/1234567890123",
                 MAX_ARN_BYTES, text, fault);
    return NULL;
  }
  arn = g_new (KvsStreamArn, 1);
  arn->region = g_strdup (fields[3]);
  arn->account = g_strdup (fields[4]);
  arn->stream_name = g_strdup (resource[1]);
  return arn;
}

/**
 * kvs_stream_arn_free:
 * @arn: (transfer full) (nullable): an ARN
 */
void
kvs_stream_arn_free (KvsStreamArn *arn)
{
  if (arn == NULL)
    return;
  g_free (arn->region);
  g_free (arn->account);
  g_free (arn->stream_name);
  g_free (arn);
}
