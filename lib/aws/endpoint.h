/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Regions, and the addresses that services have in them (kvs-api.md section 3). */
#pragma once

#include "error.h"

G_BEGIN_DECLS

gboolean kvs_region_is_valid (const gchar *region);
gboolean kvs_region_is_known (const gchar *region);

gchar *kvs_endpoint_for_service (const gchar *service, const gchar *region, gboolean fips,
                                 gboolean dual_stack);
gboolean kvs_endpoint_check_url (const gchar *url, gboolean allow_insecure, gchar **normalised,
                                 GError **error);

G_END_DECLS
