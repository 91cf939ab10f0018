/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the library says, as signals and messages on the bus. */
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
void gst_kvs_sink_report_reconnecting (GstElement *element, gint64 delay_us, guint n_failures);
void gst_kvs_sink_report_dropped (GstElement *element, KvsDropReason reason, guint n_frames);
void gst_kvs_sink_report_spool (GstElement *element, gboolean works);
GstStructure *gst_kvs_sink_make_stats (const KvsProducerStats *stats, const gchar *last_error);

G_END_DECLS
