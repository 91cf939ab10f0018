/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What every provider that is asked over HTTP has to bear. */
#pragma once

#include <check.h>

#include "provider-rig.h"

G_BEGIN_DECLS

/**
 * ProviderKind:
 * @is_tls: whether the server speaks TLS
 * @set_up: (nullable): called after the rig was made
 * @tear_down: (nullable): called after it was freed
 * @make: makes a provider that asks the rig's server
 * @n_tries: how often it sends a request
 * @steps: (nullable): good answers to its requests before the last, ended by %NULL
 * @good: (transfer full): a good answer of access key AKID to the last, with that expiration
 * @denied_status: status of a refusal
 * @denied: its body
 * @denied_words: what the message must show of it
 */
typedef struct {
  gboolean is_tls;
  void (*set_up) (ProviderRig *rig);
  void (*tear_down) (void);
  KvsCredentialsProvider *(*make) (ProviderRig *rig, guint timeout_ms);
  guint n_tries;
  const gchar *const *steps;
  gchar *(*good) (const gchar *expiration);
  guint denied_status;
  const gchar *denied;
  const gchar *denied_words;
} ProviderKind;

/* Far enough from the time of the test, whatever the machine is busy with */
gchar *provider_time (gint64 from_now_s);
ProviderRig *provider_kind_rig (void);
void provider_kind_use (guint timeout_ms);
void provider_kind_answer_steps (void);
gchar *provider_kind_good (gint64 expires_in_s);
int provider_kind_run (const gchar *name, const ProviderKind *kind, void (*add) (TCase *tc));

G_END_DECLS
