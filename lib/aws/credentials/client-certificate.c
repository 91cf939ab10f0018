/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "aws/credentials/client-certificate.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <string.h>

#include "aws/credentials/secret.h"

static gchar *
load_file (const gchar *what, const gchar *path, GError **error)
{
  gchar *text;
  gsize size;

  if (!kvs_secret_file_read (path, &text, &size, error))
    return NULL;
  if (text != NULL && size > 0)
    return text;
  g_set_error (error, KVS_ERROR, KVS_ERROR_CREDENTIALS, "The %s '%s' %s", what, path,
               text == NULL ? "does not exist or cannot be read" : "is empty");
  kvs_secret_free_sized (text, size);
  return NULL;
}

/* Asking at the terminal would stop the process. */
static int
on_passphrase_needed (char *buffer, int size, int is_writing, void *user_data)
{
  *(gboolean *) user_data = TRUE;
  return -1;
}

static X509 *
parse_certificate (const KvsClientCertificate *files, const gchar *path, GError **error)
{
  BIO *bio = BIO_new_mem_buf (files->certificate_pem, -1);
  X509 *certificate = PEM_read_bio_X509 (bio, NULL, NULL, NULL);

  BIO_free (bio);
  if (certificate == NULL)
    g_set_error (error, KVS_ERROR, KVS_ERROR_CREDENTIALS,
                 "The certificate '%s' is not a certificate in PEM", path);
  return certificate;
}

static EVP_PKEY *
parse_key (const KvsClientCertificate *files, const gchar *path, GError **error)
{
  gboolean is_encrypted = FALSE;
  BIO *bio = BIO_new_mem_buf (files->key_pem, -1);
  EVP_PKEY *key = PEM_read_bio_PrivateKey (bio, NULL, on_passphrase_needed, &is_encrypted);

  BIO_free (bio);
  if (key == NULL)
    g_set_error (error, KVS_ERROR, KVS_ERROR_CREDENTIALS, "The private key '%s' %s", path,
                 is_encrypted ? "is encrypted; write it without a passphrase"
                              : "is not a private key in PEM");
  return key;
}

static gboolean
check (const KvsClientCertificate *files, const gchar *certificate_path, const gchar *key_path,
       GError **error)
{
  X509 *certificate = parse_certificate (files, certificate_path, error);
  EVP_PKEY *key = certificate != NULL ? parse_key (files, key_path, error) : NULL;
  gboolean fits = key != NULL && X509_check_private_key (certificate, key) == 1;

  if (key != NULL && !fits)
    g_set_error (error, KVS_ERROR, KVS_ERROR_CREDENTIALS,
                 "The private key '%s' is not that of the certificate '%s'", key_path,
                 certificate_path);
  X509_free (certificate);
  EVP_PKEY_free (key);
  ERR_clear_error ();
  return fits;
}

/**
 * kvs_client_certificate_load:
 * @certificate_path: PEM file
 * @key_path: PEM file, of a key without a passphrase
 * @error: which file is wrong and why, as %KVS_ERROR_CREDENTIALS
 *
 * Returns: (transfer full) (nullable): a certificate and the key that belongs to it
 */
KvsClientCertificate *
kvs_client_certificate_load (const gchar *certificate_path, const gchar *key_path, GError **error)
{
  g_autoptr (KvsClientCertificate) files = g_new0 (KvsClientCertificate, 1);

  files->certificate_pem = load_file ("certificate", certificate_path, error);
  if (files->certificate_pem == NULL)
    return NULL;
  files->key_pem = load_file ("private key", key_path, error);
  if (files->key_pem == NULL || !check (files, certificate_path, key_path, error))
    return NULL;
  return g_steal_pointer (&files);
}

/**
 * kvs_client_certificate_free:
 * @certificate: (transfer full) (nullable): a certificate
 *
 * Wipes the key.
 */
void
kvs_client_certificate_free (KvsClientCertificate *certificate)
{
  if (certificate == NULL)
    return;
  g_free (certificate->certificate_pem);
  kvs_secret_free (certificate->key_pem);
  g_free (certificate);
}
