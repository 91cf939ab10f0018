/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the library says, as messages on the bus. */
#pragma once

#include <gst/gst.h>

#include "upload/producer.h"

G_BEGIN_DECLS

void gst_kvs_sink_report_error (GstElement *element, const GError *error,
                                const KvsServiceError *service_error);
void gst_kvs_sink_report_warning (GstElement *element, const GError *error,
                                  const KvsServiceError *service_error);
void gst_kvs_sink_report_ack (GstElement *element, const KvsAck *ack);
void gst_kvs_sink_report_session (GstElement *element, gboolean started);
GstStructure *gst_kvs_sink_make_stats (const KvsProducerStats *stats);

G_END_DECLS
