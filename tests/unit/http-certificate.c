/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "http-certificate.h"

#include <check.h>
#include <glib/gstdio.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <unistd.h>

static void
add_extension (X509 *certificate, int nid, const char *value)
{
  X509_EXTENSION *extension = X509V3_EXT_conf_nid (NULL, NULL, nid, value);

  X509_add_ext (certificate, extension, -1);
  X509_EXTENSION_free (extension);
}

static X509 *
make_certificate (EVP_PKEY *key, const gchar *common_name)
{
  X509 *certificate = X509_new ();
  X509_NAME *name = X509_get_subject_name (certificate);

  X509_set_version (certificate, 2);
  ASN1_INTEGER_set (X509_get_serialNumber (certificate), 1);
  X509_gmtime_adj (X509_getm_notBefore (certificate), -3600);
  X509_gmtime_adj (X509_getm_notAfter (certificate), 3600);
  X509_set_pubkey (certificate, key);
  X509_NAME_add_entry_by_txt (name, "CN", MBSTRING_ASC, (const guint8 *) common_name, -1,
                              -1, 0);
  X509_set_issuer_name (certificate, name);
  add_extension (certificate, NID_subject_alt_name, "IP:127.0.0.1,DNS:localhost,DNS:iot.test");
  add_extension (certificate, NID_basic_constraints, "critical,CA:TRUE");
  ck_assert_int_gt (X509_sign (certificate, key, EVP_sha256 ()), 0);
  return certificate;
}

/* Returns: (transfer full): path of a new file. */
static gchar *
write_pem (BIO *bio)
{
  char *text;
  gsize size = (gsize) BIO_get_mem_data (bio, &text);
  gchar *path;
  gint fd = g_file_open_tmp ("kvssink-XXXXXX.pem", &path, NULL);

  ck_assert_int_ge (fd, 0);
  close (fd);
  ck_assert (g_file_set_contents (path, text, (gssize) size, NULL));
  BIO_free (bio);
  return path;
}

/* For 127.0.0.1, localhost and iot.test. */
HttpCertificate *
http_certificate_new (const gchar *common_name)
{
  HttpCertificate *made = g_new0 (HttpCertificate, 1);
  BIO *certificate = BIO_new (BIO_s_mem ());
  BIO *key = BIO_new (BIO_s_mem ());

  made->key = EVP_EC_gen ("P-256");
  made->certificate = make_certificate (made->key, common_name);
  PEM_write_bio_X509 (certificate, made->certificate);
  PEM_write_bio_PrivateKey (key, made->key, NULL, NULL, 0, NULL, NULL);
  made->certificate_path = write_pem (certificate);
  made->key_path = write_pem (key);
  return made;
}

void
http_certificate_free (HttpCertificate *certificate)
{
  if (certificate == NULL)
    return;
  g_unlink (certificate->certificate_path);
  g_unlink (certificate->key_path);
  X509_free (certificate->certificate);
  EVP_PKEY_free (certificate->key);
  g_free (certificate->certificate_path);
  g_free (certificate->key_path);
  g_free (certificate);
}
