/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a stream that is there has otherwise than a definition asks for. */
#pragma once

#include "aws/control-plane.h"
#include "stream/stream-definition.h"

G_BEGIN_DECLS

gchar *kvs_stream_differences (const KvsStreamDefinition *definition, const gchar *content_type,
                               const KvsStreamInfo *info);

G_END_DECLS
