/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Regions and the address of the control plane (kvs-api.md section 3). */
#pragma once

#include "error.h"

G_BEGIN_DECLS

gboolean kvs_region_is_valid (const gchar *region);
gboolean kvs_region_is_known (const gchar *region);
gchar *kvs_region_from_environment (void);

gchar *kvs_endpoint_for_region (const gchar *region, gboolean fips, gboolean dual_stack);
gboolean kvs_endpoint_check_url (const gchar *url, gboolean allow_insecure, gchar **normalised,
                                 GError **error);
gchar *kvs_endpoint_from_environment (void);
gboolean kvs_endpoint_fips_from_environment (void);
gboolean kvs_endpoint_dual_stack_from_environment (void);

gchar *kvs_ca_path_from_environment (void);

G_END_DECLS
