/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* NAL units of H.264, to be put together into access units. */
#pragma once

#include "bytes.h"
#include "media/nal.h"

/* An access unit in byte-stream format, and where its NAL units lie. */
static inline void
split (const gchar *hex, GBytes **bytes, GArray *units)
{
  gsize size;
  const guint8 *data;

  *bytes = bytes_from_hex (hex);
  data = g_bytes_get_data (*bytes, &size);
  kvs_nal_split_annexb (data, size, units);
}

#define START_CODE "00000001 "
#define AUD START_CODE "0910 "
#define SPS START_CODE "6742c00dd90141fb0e1000000300100000030320f142a480 "
#define RESIZED_SPS START_CODE "6742c00ad91effc004000244000003000400000300c83c489920 "
#define PPS START_CODE "68cb83cb20 "
#define IDR START_CODE "658884 "
#define SLICE START_CODE "419a02 "
/* recovery_point: recovery_frame_cnt ue(v) 0 and 3, then three flags, after a user data message */
#define SEI_NOW START_CODE "06 0503aabbcc 0601c4 80 "
#define SEI_LATER START_CODE "06 060124 80 "
/* a message of 256 bytes more than there are */
#define SEI_CUT START_CODE "06 05ff01aabb 80 "
