/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* What x264 and FFmpeg's Matroska muxer made of two frames, and what ffprobe said of the file:
 * avcC, and with it an SPS and a PPS, from another hand. */
static const struct {
  const gchar *what;
  guint profile_idc, level_idc, chroma_format_idc, bit_depth;
  gboolean interlaced;
  guint width, height;
  const gchar *avcc;
} streams[] = {
  { "baseline QVGA", 66, 13, 1, 8, FALSE, 320, 240,
    "0142c00dffe100186742c00dd90141fb0e1000000300100000030320f142a48001000568cb83cb20" },
  { "smallest", 66, 10, 1, 8, FALSE, 16, 16,
    "0142c00affe1001a6742c00ad91effc004000244000003000400000300c83c48992001000568cb83"
    "cb20" },
  { "main, interlaced PAL", 77, 30, 1, 8, TRUE, 720, 576,
    "014d401effe1001c674d401eeca05a126ffc010000b440000003004000000c87c50a658001000568"
    "fba3cb20" },
  { "high 720p", 100, 31, 1, 8, FALSE, 1280, 720,
    "0164001fffe1001a6764001facd9405005bb011000000300100000030320f183196001000668ebe3"
    "cb22c0fdf8f800" },
  { "high 1080p, cropped", 100, 40, 1, 8, FALSE, 1920, 1080,
    "01640028ffe1001b67640028acd940780227e5c044000003000400000300c83c60c65801000668eb"
    "e3cb22c0fdf8f800" },
  { "high 1080i, cropped", 100, 40, 1, 8, TRUE, 1920, 1080,
    "01640028ffe1001a67640028acd94078044fde0220000003002000000643e2c5b2c001000668fba3"
    "cb22c0fdf8f800" },
  { "high 4K", 100, 51, 1, 8, FALSE, 3840, 2160,
    "01640033ffe1001a67640033acd9403c0043ec0440000003004000000c83c60c658001000668ebe3"
    "cb22c0fdf8f800" },
  { "scaling lists", 100, 11, 1, 8, FALSE, 176, 144,
    "0164000bffe100186764000bacd942c4ec1040000003004000000c83c50a658001000768ebe3cb30"
    "02c0fdf8f800" },
  { "4:4:4 scaling lists", 244, 11, 3, 8, FALSE, 176, 144,
    "01f4000bffe1001967f4000b919b28589d82080000030008000003019078a14cb001000868ebe3c4"
    "4c000440fff8f800" },
  { "monochrome", 100, 10, 0, 8, FALSE, 101, 51,
    "0164000affe1001d6764000af3651c9e323bff0110012f6c800000030080000019078912cb010006"
    "68ebe3cb22c0fcf8f800" },
  { "high10, odd macroblocks", 110, 13, 1, 10, FALSE, 322, 182,
    "016e000dffe1001f676e000da6cd941519e226ffc0340033c4000003000400000300c83c50a65801"
    "000668ebe3cb22c0fdfafa00" },
  { "4:2:2, 10 bits", 122, 30, 2, 10, FALSE, 638, 362,
    "017a001effe1001f677a001eb6cd940a02fea7ffc2d402cdc4000003000400000300c83c58b65801"
    "000668ebe3cb22c0fefafa00" },
  { "4:2:2, interlaced", 122, 30, 2, 8, TRUE, 640, 364,
    "017a001effe1001d677a001ebcd940a063f17ff802d802d08000000300800000190f8a14cb010006"
    "68fba3cb22c0fef8f800" },
  { "4:4:4, odd width and height", 244, 13, 3, 8, FALSE, 355, 199,
    "01f4000dffe1001f67f4000d919b282e37c7457fe18e018f62000003000200000300641e28532c01"
    "000668ebe3c44844fff8f800" },
  { "4:4:4, 10 bits", 244, 10, 3, 10, FALSE, 65, 33,
    "01f4000affe1001f67f4000a90d9b28afc21087fe016001862000003000200000300641e244b2c01"
    "000668ebe3c44844fffafa00" },
};
