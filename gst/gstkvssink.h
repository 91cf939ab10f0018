/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gst/gst.h>

G_BEGIN_DECLS

#define GST_TYPE_KVS_SINK (gst_kvs_sink_get_type ())
G_DECLARE_FINAL_TYPE (GstKvsSink, gst_kvs_sink, GST, KVS_SINK, GstElement)

G_END_DECLS
