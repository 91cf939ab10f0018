/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The bytes of a GstBuffer, held for as long as the service takes to persist them. */
#pragma once

#include <gst/gst.h>

#include "media/payload.h"

G_BEGIN_DECLS

void gst_kvs_payload_init (KvsPayload *payload, GstBuffer *buffer);

G_END_DECLS
