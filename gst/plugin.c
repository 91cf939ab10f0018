/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <gst/gst.h>

#include "gstkvssink.h"

static gboolean
plugin_init (GstPlugin *plugin)
{
  /* Rank NONE: nothing may plug a cloud upload by itself. */
  return gst_element_register (plugin, "kvssink", GST_RANK_NONE, GST_TYPE_KVS_SINK);
}

GST_PLUGIN_DEFINE (GST_VERSION_MAJOR, GST_VERSION_MINOR, kvs,
                   "Uploads media to Amazon Kinesis Video Streams", plugin_init, KVS_VERSION,
                   "LGPL", "kvssink", "https://gstreamer.freedesktop.org")
