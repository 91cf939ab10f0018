/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* From what a user has said, in whatever place, to a region, the control plane's address and the
 * certificates to trust. The order of places is that of AWS's own tools: properties, environment,
 * profile. */
#pragma once

#include "aws/credentials/profile.h"

G_BEGIN_DECLS

/**
 * KvsEndpointWish:
 * @region: (nullable): region; an empty one is an error
 * @stream_arn: (nullable): ARN of the stream, which names a region
 * @endpoint: (nullable): address of the control plane
 * @use_fips: use the FIPS 140 host
 * @use_dual_stack: use the host that has IPv6 addresses too
 * @allow_insecure: plain http may leave this machine
 * @ca_path: (nullable): certificates to trust
 * @profile: (nullable): name of the profile
 *
 * What was said about one element. Other empty strings count as %NULL.
 */
typedef struct {
  const gchar *region;
  const gchar *stream_arn;
  const gchar *endpoint;
  gboolean use_fips;
  gboolean use_dual_stack;
  gboolean allow_insecure;
  const gchar *ca_path;
  const gchar *profile;
} KvsEndpointWish;

/**
 * KvsEndpointChoice:
 * @region: region
 * @endpoint: base address of the control plane
 * @fips: whether FIPS 140 hosts were asked for
 * @dual_stack: whether hosts with IPv6 addresses were asked for
 * @ca_path: (nullable): file or folder of certificates to trust; %NULL for the system's
 */
typedef struct {
  gchar *region;
  gchar *endpoint;
  gboolean fips;
  gboolean dual_stack;
  gchar *ca_path;
} KvsEndpointChoice;

KvsEndpointChoice *kvs_endpoint_choose (const KvsEndpointWish *wish, GError **error);
void kvs_endpoint_choice_free (KvsEndpointChoice *choice);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (KvsEndpointChoice, kvs_endpoint_choice_free)

G_END_DECLS
