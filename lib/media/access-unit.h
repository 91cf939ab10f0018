/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* NAL units that come one by one (alignment=nal), gathered into access units.
 *
 * An access unit of H.264 holds one primary coded picture, which is a frame or a field (ISO/IEC
 * 14496-10 3.1, 7.4.1.2): the two fields of a frame that was coded as two pictures are two access
 * units. H.264 parsers of GStreamer, FFmpeg and MKVToolNix see it the same way. */
#pragma once

#include <glib.h>

#include "media/video-stream.h"

G_BEGIN_DECLS

/* the most that a fragment can hold, and so the most that is gathered */
#define KVS_ACCESS_UNIT_MAX_BYTES (50 * 1000 * 1000)

/* More pieces than that of one access unit are taken for an attack on the memory. */
#define KVS_ACCESS_UNIT_MAX_BUFFERS 65536

/* a timestamp or duration that is not known */
#define KVS_ACCESS_UNIT_NO_TIME G_MININT64

/**
 * KvsNalPlace:
 * @KVS_NAL_WITHIN: in the access unit of the NAL unit before it
 * @KVS_NAL_FIRST: the first one of an access unit
 * @KVS_NAL_WITH_NEXT: in the access unit of the NAL unit after it, whichever that is in; said of
 *   the prefix NAL units of H.264
 *
 * Where a NAL unit belongs.
 */
typedef enum {
  KVS_NAL_WITHIN,
  KVS_NAL_FIRST,
  KVS_NAL_WITH_NEXT,
} KvsNalPlace;

typedef struct _KvsAccessUnitDetector KvsAccessUnitDetector;

KvsAccessUnitDetector *kvs_access_unit_detector_new (KvsVideoCodec codec);
void kvs_access_unit_detector_free (KvsAccessUnitDetector *detector);
void kvs_access_unit_detector_add_parameter_set (KvsAccessUnitDetector *detector,
                                                 const guint8 *nal, gsize size);
KvsNalPlace kvs_access_unit_detector_push (KvsAccessUnitDetector *detector, const guint8 *nal,
                                           gsize size);
void kvs_access_unit_detector_reset (KvsAccessUnitDetector *detector);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (KvsAccessUnitDetector, kvs_access_unit_detector_free)

/**
 * KvsAccessUnitTag:
 * @pts_ns: presentation timestamp in nanoseconds, or %KVS_ACCESS_UNIT_NO_TIME
 * @dts_ns: decoding timestamp in nanoseconds, or %KVS_ACCESS_UNIT_NO_TIME
 * @duration_ns: in nanoseconds; 0 or less where it is not known
 * @flags: bits that have a meaning to the caller alone
 *
 * What a buffer comes with.
 */
typedef struct {
  gint64 pts_ns;
  gint64 dts_ns;
  gint64 duration_ns;
  guint flags;
} KvsAccessUnitTag;

/**
 * KvsAccessUnit:
 * @bytes: all of it, in the format that its NAL units came in
 * @nals: (array length=n_nals): where its NAL units lie in @bytes
 * @n_nals: how many
 * @pts_ns: presentation timestamp in nanoseconds, or %KVS_ACCESS_UNIT_NO_TIME
 * @dts_ns: decoding timestamp in nanoseconds, or %KVS_ACCESS_UNIT_NO_TIME
 * @duration_ns: in nanoseconds, or %KVS_ACCESS_UNIT_NO_TIME
 * @any_flags: the flags of all its buffers: a discontinuity or damage shows here
 * @picture_flags: the flags of the buffer with the first slice, or of the first buffer where there
 *   is no slice: what they say of the picture, such as that it is no key frame, shows here
 *
 * A gathered access unit. Empty it with kvs_access_unit_clear().
 *
 * The times are the first known pts and dts of its buffers, and the first duration above 0. Those
 * of a buffer with parts of several access units belong to the first one that begins in it; the
 * others that begin there have to do without.
 */
typedef struct {
  GBytes *bytes;
  KvsNalUnit *nals;
  guint n_nals;
  gint64 pts_ns;
  gint64 dts_ns;
  gint64 duration_ns;
  guint any_flags;
  guint picture_flags;
} KvsAccessUnit;

void kvs_access_unit_clear (KvsAccessUnit *unit);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (KvsAccessUnit, kvs_access_unit_clear)

typedef struct _KvsAccessUnitGatherer KvsAccessUnitGatherer;

KvsAccessUnitGatherer *kvs_access_unit_gatherer_new (KvsVideoCodec codec, gboolean is_byte_stream,
                                                     GBytes *codec_data, GError **error);
void kvs_access_unit_gatherer_free (KvsAccessUnitGatherer *gatherer);
gboolean kvs_access_unit_gatherer_push (KvsAccessUnitGatherer *gatherer, GBytes *buffer,
                                        const KvsAccessUnitTag *tag, gboolean is_last,
                                        GError **error);
gboolean kvs_access_unit_gatherer_pop (KvsAccessUnitGatherer *gatherer, KvsAccessUnit *out);
void kvs_access_unit_gatherer_finish (KvsAccessUnitGatherer *gatherer);
void kvs_access_unit_gatherer_clear (KvsAccessUnitGatherer *gatherer);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (KvsAccessUnitGatherer, kvs_access_unit_gatherer_free)

G_END_DECLS
