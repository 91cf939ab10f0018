/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The bytes of a GstBuffer, held for as long as the service takes to persist them. */
#pragma once

#include <gst/gst.h>

G_BEGIN_DECLS

GBytes *gst_kvs_payload_new (GstBuffer *buffer);

G_END_DECLS
