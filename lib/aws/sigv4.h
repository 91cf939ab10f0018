/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* AWS Signature Version 4 (kvs-api.md section 17). */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* SHA-256 of nothing: the payload hash that the producers use for a body of unknown content */
#define KVS_SIGV4_EMPTY_PAYLOAD_SHA256 \
  "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

/**
 * KvsSigv4Header: a header that is signed; names in any case.
 */
typedef struct {
  const gchar *name;
  const gchar *value;
} KvsSigv4Header;

/**
 * KvsSigv4Request:
 * @method: such as "POST"
 * @path: absolute path as it goes on the wire, such as "/putMedia"
 * @query: (nullable): query string as it goes on the wire, without "?"
 * @headers: the headers to sign; "host" and "x-amz-date" must be among them
 * @n_headers: how many
 * @payload_sha256_hex: hash line of the canonical request
 */
typedef struct {
  const gchar *method;
  const gchar *path;
  const gchar *query;
  const KvsSigv4Header *headers;
  guint n_headers;
  const gchar *payload_sha256_hex;
} KvsSigv4Request;

/**
 * KvsSigv4Scope:
 * @amz_date: "yyyymmddThhmmssZ"; its first 8 characters are the scope's date
 * @region: such as "us-west-2"
 * @service: "kinesisvideo" for every plane
 */
typedef struct {
  const gchar *amz_date;
  const gchar *region;
  const gchar *service;
} KvsSigv4Scope;

#define KVS_SIGV4_KEY_BYTES 32

/**
 * KvsSigv4SigningKey:
 * @scope: (nullable): what @key was derived for: date, region and service
 * @key: good for all of that day, with one secret key
 *
 * All zeros to begin with.
 */
typedef struct {
  gchar *scope;
  guint8 key[KVS_SIGV4_KEY_BYTES];
} KvsSigv4SigningKey;

gchar *kvs_sigv4_format_date (gint64 unix_seconds);
gchar *kvs_sigv4_payload_hash (const guint8 *data, gsize size);
gchar *kvs_sigv4_canonical_request (const KvsSigv4Request *request);
gchar *kvs_sigv4_string_to_sign (const gchar *canonical_request, const KvsSigv4Scope *scope);
gchar *kvs_sigv4_signature (const gchar *string_to_sign, const KvsSigv4Scope *scope,
                            const gchar *secret_key);
gchar *kvs_sigv4_authorization (const KvsSigv4Request *request, const KvsSigv4Scope *scope,
                                const gchar *access_key, const gchar *secret_key);

gchar *kvs_sigv4_authorization_with_key (const KvsSigv4Request *request,
                                         const KvsSigv4Scope *scope, const gchar *access_key,
                                         const gchar *secret_key, KvsSigv4SigningKey *signing_key);
void kvs_sigv4_signing_key_clear (KvsSigv4SigningKey *signing_key);

G_END_DECLS
