/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The one error domain of libkvs. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

#define KVS_ERROR (kvs_error_quark ())

/**
 * KvsError:
 * @KVS_ERROR_BAD_ARGUMENT: a setting is not one the service accepts; change it
 * @KVS_ERROR_CREDENTIALS: no credentials, or the service does not know or no longer accepts them
 * @KVS_ERROR_ACCESS_DENIED: the credentials are good but may not do this
 * @KVS_ERROR_NOT_FOUND: the stream does not exist
 * @KVS_ERROR_LIMIT: a service limit or throttle was hit; it passes
 * @KVS_ERROR_NETWORK: the service could not be reached, or the connection broke; it may pass
 * @KVS_ERROR_UNKNOWN_HOST: a host name does not resolve; it may pass
 * @KVS_ERROR_TLS: the peer's certificate or the CA bundle is not good
 * @KVS_ERROR_SERVICE: the service answered with a fault of its own; it may pass
 * @KVS_ERROR_BAD_MEDIA: frames, parameter sets or caps that cannot be stored
 * @KVS_ERROR_PROTOCOL: bytes from outside that do not follow their format
 * @KVS_ERROR_TIMEOUT: a bounded wait ran out
 * @KVS_ERROR_SPOOL: the disk of the spool did not do what it was asked to; it may pass
 * @KVS_ERROR_SPOOL_DAMAGED: one file of the spool cannot be used; the others can
 *
 * What went wrong, by what a caller can do about it.
 */
typedef enum {
  KVS_ERROR_BAD_ARGUMENT,
  KVS_ERROR_CREDENTIALS,
  KVS_ERROR_ACCESS_DENIED,
  KVS_ERROR_NOT_FOUND,
  KVS_ERROR_LIMIT,
  KVS_ERROR_NETWORK,
  KVS_ERROR_UNKNOWN_HOST,
  KVS_ERROR_TLS,
  KVS_ERROR_SERVICE,
  KVS_ERROR_BAD_MEDIA,
  KVS_ERROR_PROTOCOL,
  KVS_ERROR_TIMEOUT,
  KVS_ERROR_SPOOL,
  KVS_ERROR_SPOOL_DAMAGED,
} KvsError;

GQuark kvs_error_quark (void);

G_END_DECLS
