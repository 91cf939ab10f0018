/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A TLS client certificate and its private key, from PEM files. Blocks: not for the I/O thread. */
#pragma once

#include "error.h"

G_BEGIN_DECLS

/**
 * KvsClientCertificate:
 * @certificate_pem: the certificate, and those between it and its CA
 * @key_pem: its private key; secret
 */
typedef struct {
  gchar *certificate_pem;
  gchar *key_pem;
} KvsClientCertificate;

KvsClientCertificate *kvs_client_certificate_load (const gchar *certificate_path,
                                                   const gchar *key_path, GError **error);
void kvs_client_certificate_free (KvsClientCertificate *certificate);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (KvsClientCertificate, kvs_client_certificate_free)

G_END_DECLS
