/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The credentials endpoint of IoT, which knows a device by its certificate. */
#include "aws/credentials/iot-provider.h"

#include <openssl/pem.h>
#include <stdio.h>
#include <string.h>

#include "http-certificate.h"
#include "provider-kind.h"

static HttpCertificate *device;
static HttpCertificate *other;
static KvsIotOptions options;

static void
set_up (ProviderRig *rig)
{
  device = http_certificate_new ("camera-1");
  other = http_certificate_new ("camera-2");
  http_server_require_certificate (rig->server, device->certificate_path);
  options = (KvsIotOptions) {
    .certificate_path = device->certificate_path,
    .key_path = device->key_path,
    .role_alias = (gchar *) "camera=alias@1",
    .thing_name = (gchar *) "camera:1",
  };
}

static void
tear_down (void)
{
  g_clear_pointer (&device, http_certificate_free);
  g_clear_pointer (&other, http_certificate_free);
}

static KvsCredentialsProvider *
make (ProviderRig *rig, guint timeout_ms)
{
  g_autofree gchar *endpoint = g_strdup (rig->url + strlen ("https://"));

  if (options.endpoint == NULL)
    options.endpoint = endpoint;
  options.connect_timeout_ms = timeout_ms;
  options.total_timeout_ms = timeout_ms;
  {
    KvsCredentialsProvider *provider = kvs_iot_provider_new (rig->loop, &rig->http, &options);

    if (options.endpoint == endpoint)
      options.endpoint = NULL;
    return provider;
  }
}

static gchar *
good (const gchar *expiration)
{
  return g_strdup_printf ("{\"credentials\":{\"accessKeyId\":\"AKID\",\"secretAccessKey\":\""
                          SESAME "/secret+key\",\"sessionToken\":\"" SESAME
                          "+token==\",\"expiration\":\"%s\"}}", expiration);
}

/* ---- requests ---- */

START_TEST (test_request)
{
  ProviderRig *rig = provider_kind_rig ();
  g_autofree gchar *answer = provider_kind_good (3600);

  if (_i == 1)
    options.thing_name = NULL;
  provider_kind_use (20000);
  provider_rig_answer (rig, 200, answer);
  provider_rig_fetch (rig);
  provider_rig_assert_credentials (rig, "AKID");
  ck_assert_str_eq (provider_rig_get_request (rig, 0)->method, "GET");
  ck_assert_str_eq (provider_rig_get_request (rig, 0)->path,
                    "/role-aliases/camera%3Dalias%401/credentials");
  provider_rig_assert_header (rig, 0, "x-amzn-iot-thingname", _i == 0 ? "camera:1" : NULL);
}
END_TEST

/* Without the name that TLS asks for, the service does not know whose endpoint it is. */
START_TEST (test_server_name)
{
  ProviderRig *rig = provider_kind_rig ();
  g_autofree gchar *answer = provider_kind_good (3600);
  g_autofree gchar *port = g_strdup (strrchr (rig->url, ':'));
  g_autofree gchar *endpoint = g_strconcat ("https://localhost", port, "/", NULL);
  g_autofree gchar *host = g_strconcat (_i == 0 ? "localhost" : "iot.test", port, NULL);

  if (_i == 0)
    options.endpoint = endpoint;
  else
    options.sni_host = (gchar *) "iot.test";
  provider_kind_use (20000);
  provider_rig_answer (rig, 200, answer);
  provider_rig_fetch (rig);
  provider_rig_assert_credentials (rig, "AKID");
  ck_assert_str_eq (provider_rig_get_request (rig, 0)->sni, _i == 0 ? "localhost" : "iot.test");
  provider_rig_assert_header (rig, 0, "host", host);
  options.endpoint = NULL;
}
END_TEST

START_TEST (test_own_ca)
{
  ProviderRig *rig = provider_kind_rig ();
  g_autofree gchar *answer = provider_kind_good (3600);
  g_autofree gchar *ca_path = g_steal_pointer (&rig->http.ca_path);

  options.ca_path = _i == 0 ? ca_path : other->certificate_path;
  provider_kind_use (20000);
  provider_rig_answer (rig, 200, answer);
  provider_rig_fetch (rig);
  if (_i == 0)
    provider_rig_assert_credentials (rig, "AKID");
  else
    provider_rig_assert_error (rig, KVS_ERROR_TLS, "certificate");
}
END_TEST

START_TEST (test_unknown_certificate)
{
  ProviderRig *rig = provider_kind_rig ();

  options.certificate_path = other->certificate_path;
  options.key_path = other->key_path;
  provider_kind_use (20000);
  provider_rig_fetch (rig);
  ck_assert_ptr_nonnull (rig->error);
  ck_assert_ptr_nonnull (strstr (rig->error->message, other->certificate_path));
  ck_assert_uint_eq (provider_rig_wait_for_requests (rig, 0), 0);
}
END_TEST

/* The device got a new certificate. */
START_TEST (test_renewed_certificate)
{
  ProviderRig *rig = provider_kind_rig ();
  g_autofree gchar *answer = provider_kind_good (3600);
  g_autofree gchar *certificate = NULL;
  g_autofree gchar *key = NULL;

  options.certificate_path = other->certificate_path;
  options.key_path = other->key_path;
  provider_kind_use (20000);
  provider_rig_fetch (rig);
  ck_assert_ptr_nonnull (rig->error);

  ck_assert (g_file_get_contents (device->certificate_path, &certificate, NULL, NULL));
  ck_assert (g_file_get_contents (device->key_path, &key, NULL, NULL));
  ck_assert (g_file_set_contents (other->certificate_path, certificate, -1, NULL));
  ck_assert (g_file_set_contents (other->key_path, key, -1, NULL));
  provider_rig_answer (rig, 200, answer);
  provider_rig_fetch (rig);
  provider_rig_assert_credentials (rig, "AKID");
}
END_TEST

/* ---- what is set wrongly ---- */

static void
encrypt_key (void)
{
  FILE *file = fopen (device->key_path, "w");

  PEM_write_PKCS8PrivateKey (file, device->key, EVP_aes_128_cbc (), SESAME, strlen (SESAME), NULL,
                             NULL);
  fclose (file);
}

static void
assert_fault (const gchar *path, const gchar *words)
{
  ProviderRig *rig = provider_kind_rig ();

  provider_kind_use (20000);
  provider_rig_fetch (rig);
  provider_rig_assert_error (rig, KVS_ERROR_CREDENTIALS, words);
  if (path != NULL)
    ck_assert_msg (strstr (rig->error->message, path) != NULL, "%s", rig->error->message);
  ck_assert_uint_eq (provider_rig_wait_for_requests (rig, 0), 0);
  provider_rig_drop (rig);
}

START_TEST (test_bad_files)
{
  g_autofree gchar *key_path = g_strdup (device->key_path);

  options.certificate_path = (gchar *) "/nowhere/cert.pem";
  assert_fault ("/nowhere/cert.pem", "does not exist");
  options.certificate_path = device->certificate_path;
  options.key_path = (gchar *) "/nowhere/key.pem";
  assert_fault ("/nowhere/key.pem", "does not exist");
  options.key_path = other->key_path;
  assert_fault (other->key_path, "is not that of the certificate");
  options.certificate_path = device->key_path;
  assert_fault (device->key_path, "not a certificate in PEM");
  options.certificate_path = device->certificate_path;
  options.key_path = device->certificate_path;
  assert_fault (device->certificate_path, "not a private key in PEM");
  options.key_path = key_path;
  encrypt_key ();
  assert_fault (key_path, "is encrypted");
  ck_assert (g_file_set_contents (key_path, "", 0, NULL));
  assert_fault (key_path, "is empty");
}
END_TEST

START_TEST (test_bad_options)
{
  options.role_alias = NULL;
  assert_fault (NULL, "role-aliases is missing");
  options.role_alias = (gchar *) "a/b";
  assert_fault (NULL, "role-aliases");
  options.role_alias = (gchar *) "alias";
  options.thing_name = (gchar *) "a\r\nX-Injected: 1";
  assert_fault (NULL, "iot-thing-name");
  options.thing_name = NULL;
  options.key_path = (gchar *) "";
  assert_fault (NULL, "key-path is missing");
  options.key_path = device->key_path;
  options.endpoint = (gchar *) "http://example.com";
  assert_fault (NULL, "endpoint");
  options.endpoint = NULL;
}
END_TEST

static void
add (TCase *tc)
{
  tcase_add_loop_test (tc, test_request, 0, 2);
  tcase_add_loop_test (tc, test_server_name, 0, 2);
  tcase_add_loop_test (tc, test_own_ca, 0, 2);
  tcase_add_test (tc, test_unknown_certificate);
  tcase_add_test (tc, test_renewed_certificate);
  tcase_add_test (tc, test_bad_files);
  tcase_add_test (tc, test_bad_options);
}

int
main (void)
{
  static const ProviderKind kind = {
    .is_tls = TRUE,
    .set_up = set_up,
    .tear_down = tear_down,
    .make = make,
    .n_tries = 3,
    .good = good,
    .denied_status = 403,
    .denied = "{\"message\":\"Access Denied\"}",
    .denied_words = "HTTP 403: Access Denied; look",
  };

  return provider_kind_run ("iot-provider", &kind, add);
}
