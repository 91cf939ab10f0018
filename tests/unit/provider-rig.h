/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A credentials provider on the I/O thread, and a server that answers it as the test says. */
#pragma once

#include "aws/credentials/provider.h"
#include "http-server.h"
#include "net/http.h"

G_BEGIN_DECLS

/* Part of all that is secret in these tests, and never of a message */
#define SESAME "sesame"

/**
 * RigRequest: one that came, and with it whom TLS asked for.
 */
typedef struct {
  gchar *method;
  gchar *path;
  GHashTable *headers; /* names in lower case */
  gchar *body;
  gchar *sni;
} RigRequest;

typedef struct {
  HttpServer *server;
  gboolean is_tls;
  gchar *url;
  KvsLoop *loop;
  KvsHttpOptions http;
  KvsCredentialsProvider *provider;
  guint n_threads_before;

  GMutex lock;
  GCond changed;
  GQueue answers; /* of RigAnswer */
  GPtrArray *requests; /* of RigRequest */
  KvsCredentialsFetch *fetch;
  gboolean is_done;
  gboolean is_freed;
  gboolean is_starting;
  KvsCredentials *credentials;
  GError *error;
} ProviderRig;

ProviderRig *provider_rig_new (gboolean tls);
void provider_rig_free (ProviderRig *rig);
void provider_rig_refuse_connections (ProviderRig *rig);

/* Requests beyond what is scripted get no answer. */
void provider_rig_answer (ProviderRig *rig, guint status, const gchar *body);
void provider_rig_answer_dated (ProviderRig *rig, guint status, const gchar *body, gint64 date_s);
void provider_rig_answer_bit_by_bit (ProviderRig *rig, guint status, const gchar *body);
void provider_rig_answer_reset (ProviderRig *rig);

void provider_rig_use (ProviderRig *rig, KvsCredentialsProvider *provider);
void provider_rig_drop (ProviderRig *rig);
void provider_rig_start (ProviderRig *rig);
void provider_rig_cancel (ProviderRig *rig);
void provider_rig_start_and_cancel (ProviderRig *rig);
void provider_rig_wait (ProviderRig *rig);
void provider_rig_fetch (ProviderRig *rig);
guint provider_rig_wait_for_requests (ProviderRig *rig, guint n);

void provider_rig_assert_credentials (ProviderRig *rig, const gchar *access_key);
void provider_rig_assert_error (ProviderRig *rig, KvsError code, const gchar *words);
const RigRequest *provider_rig_get_request (ProviderRig *rig, guint index);
void provider_rig_assert_header (ProviderRig *rig, guint index, const gchar *name,
                                 const gchar *expected);

G_END_DECLS
