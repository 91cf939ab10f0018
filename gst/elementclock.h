/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The clocks that a GstKvsTimeline of an element reads. */
#pragma once

#include "timeline.h"

G_BEGIN_DECLS

const GstKvsTimelineClock *gst_kvs_element_clock (void);
gint64 gst_kvs_element_running_ns (GstElement *element);

G_END_DECLS
