/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A certificate that is its own CA, and its key, in PEM files that go with it. */
#pragma once

#include <glib.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

G_BEGIN_DECLS

typedef struct {
  X509 *certificate;
  EVP_PKEY *key;
  gchar *certificate_path;
  gchar *key_path;
} HttpCertificate;

HttpCertificate *http_certificate_new (const gchar *common_name);
void http_certificate_free (HttpCertificate *certificate);

G_END_DECLS
