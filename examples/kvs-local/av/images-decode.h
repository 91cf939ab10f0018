/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The pictures of a fragment's video track, one after the other. For one thread at a time, whichever
 * it is. */
#pragma once

#include <libavutil/frame.h>

#include "av/demux.h"

G_BEGIN_DECLS

typedef struct _KvsLocalImageDecoder KvsLocalImageDecoder;

KvsLocalImageDecoder *kvs_local_image_decoder_new (KvsLocalMedia *media, GError **error);
const AVFrame *kvs_local_image_decoder_get (KvsLocalImageDecoder *decoder, gint64 offset_ns,
                                            GError **error);
void kvs_local_image_decoder_free (KvsLocalImageDecoder *decoder);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (KvsLocalImageDecoder, kvs_local_image_decoder_free)

G_END_DECLS
