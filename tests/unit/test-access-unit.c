/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "media/access-unit.h"

#include <check.h>
#include <string.h>

#include "../suite.h"
#include "bits.h"
#include "bytes.h"

/* ---- H.264 by hand ---- */

/* Main: frame_num of 4 bits, pic_order_cnt_lsb of 8, or what is given in their place; 720x576 */
#define SPS_OF(numbering, frame_mbs_only) \
  "8:77 8:0 8:30 e:0 e:0 " numbering " e:1 1:0 e:44 e:17 " frame_mbs_only " 1:1 1:0 1:0 1:1"
#define POC_0 "e:0 e:4"
#define POC_1 "e:1 1:0 s:0 s:0 e:0"
#define POC_1_ZERO "e:1 1:1 s:0 s:0 e:0"
#define POC_2 "e:2"
#define FRAMES "1:1"
#define FIELDS "1:0 1:0"
/* High 4:4:4 with separate_colour_plane_flag */
#define SPS_PLANES \
  "8:244 8:0 8:30 e:0 e:3 1:1 e:0 e:0 1:0 1:0 e:0 e:0 e:4 e:1 1:0 e:44 e:17 1:1 1:1 1:0 1:0 1:1"

#define PPS_OF(id, bottom, groups, redundant) \
  id " e:0 1:0 " bottom " " groups " e:0 e:0 1:0 2:0 s:0 s:0 s:0 1:0 1:0 " redundant " 1:1"
#define PPS_PLAIN PPS_OF ("e:0", "1:0", "e:0", "1:0")

/* first_mb_in_slice, slice_type, pic_parameter_set_id, frame_num, then what the sets ask for */
#define SLICE(first_mb, frame_num, rest) \
  first_mb " e:5 e:0 4:" frame_num " " rest " 32:0x55555555 1:1"
#define FIELD(frame_num, bottom, rest) SLICE ("e:0", frame_num, "1:1 1:" bottom " " rest)

typedef struct {
  const gchar *header; /* hex */
  const gchar *fields;
  KvsNalPlace place;
} Nal;

#define IN KVS_NAL_WITHIN
#define NEW KVS_NAL_FIRST
#define NEXT KVS_NAL_WITH_NEXT

#define SETS(sps, pps) { "67", sps, NEW }, { "68", pps, IN }
#define MAX_NALS 16

static const struct {
  const gchar *what;
  Nal nals[MAX_NALS];
} h264_streams[] = {
  { "slices of one picture, then another frame_num", {
    SETS (SPS_OF (POC_0, FRAMES), PPS_PLAIN),
    { "65", SLICE ("e:0", "0", "e:0 8:0"), IN },
    { "65", SLICE ("e:400", "0", "e:0 8:0"), IN },
    { "41", SLICE ("e:0", "1", "8:2"), NEW },
    { "41", SLICE ("e:400", "1", "8:2"), IN },
    { "41", SLICE ("e:0", "2", "8:4"), NEW } } },
  { "a picture whose first slice was lost", {
    SETS (SPS_OF (POC_0, FRAMES), PPS_PLAIN),
    { "65", SLICE ("e:0", "0", "e:0 8:0"), IN },
    { "41", SLICE ("e:400", "1", "8:2"), NEW },
    { "41", SLICE ("e:800", "1", "8:2"), IN } } },
  { "slices in any order", {
    SETS (SPS_OF (POC_0, FRAMES), PPS_PLAIN),
    { "65", SLICE ("e:400", "0", "e:0 8:0"), IN },
    { "65", SLICE ("e:0", "0", "e:0 8:0"), IN },
    { "41", SLICE ("e:400", "1", "8:2"), NEW },
    { "41", SLICE ("e:0", "1", "8:2"), IN },
    { "09", "3:7 1:1", NEW },
    { "41", SLICE ("e:400", "2", "8:2"), IN },
    { "41", SLICE ("e:0", "2", "8:2"), IN } } },
  { "B pictures: pic_order_cnt_lsb alone differs", {
    SETS (SPS_OF (POC_0, FRAMES), PPS_PLAIN),
    { "65", SLICE ("e:0", "0", "e:0 8:0"), IN },
    { "41", SLICE ("e:0", "1", "8:6"), NEW },
    { "01", SLICE ("e:0", "2", "8:2"), NEW },
    { "01", SLICE ("e:400", "2", "8:2"), IN },
    { "01", SLICE ("e:400", "2", "8:4"), NEW } } },
  { "nal_ref_idc: 0 or not counts, its value does not", {
    SETS (SPS_OF (POC_0, FRAMES), PPS_PLAIN),
    { "65", SLICE ("e:0", "0", "e:0 8:0"), IN },
    { "61", SLICE ("e:0", "1", "8:2"), NEW },
    { "21", SLICE ("e:400", "1", "8:2"), IN },
    { "01", SLICE ("e:800", "1", "8:2"), NEW } } },
  { "IDR or not, and idr_pic_id", {
    SETS (SPS_OF (POC_0, FRAMES), PPS_PLAIN),
    { "65", SLICE ("e:0", "0", "e:0 8:0"), IN },
    { "65", SLICE ("e:400", "0", "e:1 8:0"), NEW },
    { "41", SLICE ("e:400", "0", "8:0"), NEW } } },
  { "nothing but IDR pictures that all have the same idr_pic_id", {
    SETS (SPS_OF (POC_0, FRAMES), PPS_PLAIN),
    { "65", SLICE ("e:0", "0", "e:0 8:0"), IN },
    { "65", SLICE ("e:400", "0", "e:0 8:0"), IN },
    { "65", SLICE ("e:0", "0", "e:0 8:0"), NEW },
    { "65", SLICE ("e:400", "0", "e:0 8:0"), IN } } },
  { "another PPS", {
    SETS (SPS_OF (POC_0, FRAMES), PPS_PLAIN),
    { "68", PPS_OF ("e:1", "1:0", "e:0", "1:0"), IN },
    { "65", SLICE ("e:0", "0", "e:0 8:0"), IN },
    { "65", "e:400 e:5 e:1 4:0 e:0 8:0 1:1", NEW } } },
  { "delta_pic_order_cnt_bottom", {
    SETS (SPS_OF (POC_0, FIELDS), PPS_OF ("e:0", "1:1", "e:0", "1:0")),
    { "65", SLICE ("e:0", "0", "1:0 e:0 8:0 s:1"), IN },
    { "65", SLICE ("e:400", "0", "1:0 e:0 8:0 s:1"), IN },
    { "65", SLICE ("e:800", "0", "1:0 e:0 8:0 s:-1"), NEW } } },
  { "delta_pic_order_cnt", {
    SETS (SPS_OF (POC_1, FRAMES), PPS_OF ("e:0", "1:1", "e:0", "1:0")),
    { "41", SLICE ("e:0", "1", "s:0 s:0"), IN },
    { "41", SLICE ("e:400", "1", "s:0 s:0"), IN },
    { "41", SLICE ("e:800", "1", "s:2 s:0"), NEW },
    { "41", SLICE ("e:900", "1", "s:2 s:-3"), NEW } } },
  { "no delta_pic_order_cnt at all", {
    SETS (SPS_OF (POC_1_ZERO, FRAMES), PPS_PLAIN),
    { "41", SLICE ("e:0", "1", "s:0"), IN },
    { "41", SLICE ("e:400", "1", "s:2"), IN } } },
  { "pic_order_cnt_type 2", {
    SETS (SPS_OF (POC_2, FRAMES), PPS_PLAIN),
    { "41", SLICE ("e:0", "1", "8:0"), IN },
    { "41", SLICE ("e:400", "1", "8:9"), IN },
    { "41", SLICE ("e:0", "2", "8:0"), NEW } } },
  { "each field is an access unit", {
    SETS (SPS_OF (POC_0, FIELDS), PPS_PLAIN),
    { "65", FIELD ("0", "0", "e:0 8:0"), IN },
    { "41", FIELD ("0", "1", "8:1"), NEW },
    { "41", FIELD ("1", "0", "8:2"), NEW },
    { "41", FIELD ("1", "1", "8:2"), NEW },
    { "41", SLICE ("e:400", "1", "1:1 1:1 8:2"), IN },
    { "41", SLICE ("e:0", "1", "1:0 8:2"), NEW } } },
  { "fields and frames whose first slices were lost", {
    SETS (SPS_OF (POC_0, FIELDS), PPS_PLAIN),
    { "41", SLICE ("e:400", "1", "1:0 8:2"), IN },
    { "41", SLICE ("e:400", "1", "1:1 1:0 8:2"), NEW },
    { "41", SLICE ("e:400", "1", "1:1 1:1 8:2"), NEW } } },
  { "fields have no delta_pic_order_cnt_bottom", {
    SETS (SPS_OF (POC_0, FIELDS), PPS_OF ("e:0", "1:1", "e:0", "1:0")),
    { "65", SLICE ("e:0", "0", "1:1 1:0 e:0 8:0 s:1"), IN },
    { "65", SLICE ("e:400", "0", "1:1 1:0 e:0 8:0 s:2"), IN } } },
  { "three colour planes", {
    SETS (SPS_PLANES, PPS_PLAIN),
    { "65", "e:0 e:5 e:0 2:0 4:0 e:0 8:0 1:1", IN },
    { "65", "e:0 e:5 e:0 2:1 4:0 e:0 8:0 1:1", IN },
    { "65", "e:0 e:5 e:0 2:2 4:0 e:0 8:0 1:1", IN },
    { "65", "e:0 e:5 e:0 2:0 4:0 e:0 8:0 1:1", NEW },
    { "65", "e:0 e:5 e:0 2:1 4:0 e:0 8:0 1:1", IN } } },
  { "a redundant picture", {
    SETS (SPS_OF (POC_0, FRAMES), PPS_OF ("e:0", "1:0", "e:0", "1:1")),
    { "65", SLICE ("e:0", "0", "e:0 8:0 e:0"), IN },
    { "65", SLICE ("e:0", "0", "e:0 8:0 e:1"), IN },
    { "65", SLICE ("e:0", "0", "e:1 8:0 e:0"), NEW } } },
  { "a redundant picture, behind each kind of slice groups", {
    { "67", SPS_OF (POC_0, FRAMES), NEW },
    { "68", PPS_OF ("e:0", "1:0", "e:1 e:0 e:99 e:99", "1:1"), IN },
    { "68", PPS_OF ("e:1", "1:0", "e:2 e:2 e:0 e:9 e:30 e:39", "1:1"), IN },
    { "68", PPS_OF ("e:2", "1:0", "e:1 e:4 1:1 e:300", "1:1"), IN },
    { "68", PPS_OF ("e:3", "1:0", "e:2 e:6 e:4 2:0 2:1 2:2 2:1 2:0", "1:1"), IN },
    { "68", PPS_OF ("e:4", "1:0", "e:1 e:1", "1:1"), IN },
    { "65", "e:0 e:5 e:0 4:0 e:0 8:0 e:0 1:1", IN },
    { "65", "e:0 e:5 e:0 4:0 e:0 8:0 e:1 1:1", IN },
    { "65", "e:0 e:5 e:1 4:0 e:0 8:0 e:1 1:1", IN },
    { "65", "e:0 e:5 e:2 4:0 e:0 8:0 e:1 1:1", IN },
    { "65", "e:0 e:5 e:3 4:0 e:0 8:0 e:1 1:1", IN },
    { "65", "e:0 e:5 e:4 4:0 e:0 8:0 e:1 1:1", IN } } },
  { "data partitions", {
    SETS (SPS_OF (POC_0, FRAMES), PPS_PLAIN),
    { "42", SLICE ("e:0", "1", "8:2"), IN },
    { "43", "e:0 1:1", IN },
    { "44", "e:0 1:1", IN },
    { "42", SLICE ("e:400", "1", "8:2"), IN },
    { "43", "e:1 1:1", IN },
    { "42", SLICE ("e:0", "2", "8:4"), NEW },
    { "43", "e:0 1:1", IN } } },
  { "what comes before a picture", {
    { "09", "3:7 1:1", NEW },
    { "67", SPS_OF (POC_0, FRAMES), IN },
    { "68", PPS_PLAIN, IN },
    { "06", "8:5 8:0 1:1", IN },
    { "65", SLICE ("e:0", "0", "e:0 8:0"), IN },
    { "06", "8:5 8:0 1:1", NEW },
    { "06", "8:5 8:0 1:1", IN },
    { "41", SLICE ("e:0", "1", "8:2"), IN },
    { "68", PPS_PLAIN, NEW },
    { "41", SLICE ("e:0", "2", "8:4"), IN },
    { "0f", "8:1", NEW },
    { "41", SLICE ("e:0", "3", "8:6"), IN },
    { "12", "8:1", NEW },
    { "09", "3:7 1:1", IN } } },
  { "what comes behind a picture", {
    SETS (SPS_OF (POC_0, FRAMES), PPS_PLAIN),
    { "65", SLICE ("e:0", "0", "e:0 8:0"), IN },
    { "73", SLICE ("e:0", "1", "8:4"), IN },
    { "74", "24:1 " SLICE ("e:0", "1", "8:4"), IN },
    { "75", "24:1 " SLICE ("e:0", "1", "8:4"), IN },
    { "0c", "8:255 1:1", IN },
    { "0d", "8:1", IN },
    { "18", "8:1", IN },
    { "0a", "8:1", IN },
    { "0b", "8:1", IN },
    { "65", SLICE ("e:400", "0", "e:0 8:0"), NEW },
    { "65", SLICE ("e:800", "0", "e:0 8:0"), IN } } },
  { "an end of sequence before the picture", {
    { "09", "3:7 1:1", NEW },
    { "0a", "8:1", IN },
    { "65", SLICE ("e:0", "0", "e:0 8:0"), IN },
    { "65", SLICE ("e:400", "0", "e:0 8:0"), IN } } },
  { "prefix NAL units", {
    SETS (SPS_OF (POC_0, FRAMES), PPS_PLAIN),
    { "6e", "24:1", IN },
    { "65", SLICE ("e:0", "0", "e:0 8:0"), IN },
    { "6e", "24:1", NEXT },
    { "65", SLICE ("e:400", "0", "e:0 8:0"), IN },
    { "4e", "24:1", NEXT },
    { "41", SLICE ("e:0", "1", "8:2"), NEW },
    { "4e", "24:1", NEXT },
    { "09", "3:7 1:1", NEW } } },
  { "no parameter sets: the first macroblock and what can be read tell", {
    { "65", SLICE ("e:0", "0", "e:0 8:0"), NEW },
    { "65", SLICE ("e:400", "0", "e:0 8:0"), IN },
    { "65", SLICE ("e:0", "0", "e:1 8:0"), NEW },
    { "41", SLICE ("e:400", "1", "8:2"), NEW },
    { "41", SLICE ("e:400", "2", "8:4"), IN },
    { "41", SLICE ("e:0", "2", "8:4"), NEW },
    { "01", SLICE ("e:400", "2", "8:6"), NEW } } },
  { "parameter sets that cannot be read: those of before do not count any more", {
    SETS (SPS_OF (POC_0, FRAMES), PPS_PLAIN),
    { "65", SLICE ("e:0", "0", "e:0 8:0"), IN },
    { "67", "8:77 8:0 8:30 e:99", NEW },
    { "65", SLICE ("e:0", "0", "e:0 8:0"), IN },
    { "65", SLICE ("e:400", "9", "e:0 8:9"), IN },
    { "67", SPS_OF (POC_0, FRAMES), NEW },
    { "68", "e:0 e:0 1:0 1:0 e:9", IN },
    { "65", SLICE ("e:0", "0", "e:0 8:0"), IN },
    { "65", SLICE ("e:400", "9", "e:0 8:9"), IN } } },
  { "a slice that is nothing but its header byte", {
    SETS (SPS_OF (POC_0, FRAMES), PPS_PLAIN),
    { "65", SLICE ("e:0", "0", "e:0 8:0"), IN },
    { "41", "", IN },
    { "09", "3:7 1:1", NEW },
    { "41", "", IN },
    { "41", SLICE ("e:400", "3", "8:2"), IN } } },
};

/* ---- H.265 by hand: the first bit of a slice says whether it is its picture's first one ---- */

static const struct {
  const gchar *what;
  Nal nals[MAX_NALS];
} h265_streams[] = {
  { "slices", {
    { "2601", "1:1 7:0 1:1", NEW },
    { "2601", "1:0 7:0 1:1", IN },
    { "0201", "1:1 7:0 1:1", NEW },
    { "0201", "1:1 7:0 1:1", NEW },
    { "0201", "1:0 7:0 1:1", IN } } },
  { "what comes before a picture", {
    { "4601", "3:2 1:1", NEW },
    { "4001", "8:1", IN },
    { "4201", "8:1", IN },
    { "4401", "8:1", IN },
    { "4e01", "8:1", IN },
    { "2a01", "1:1 7:0 1:1", IN },
    { "4e01", "8:1", NEW },
    { "0001", "1:1 7:0 1:1", IN },
    { "4401", "8:1", NEW },
    { "0001", "1:1 7:0 1:1", IN },
    { "5201", "8:1", NEW },
    { "0001", "1:1 7:0 1:1", IN },
    { "6001", "8:1", NEW },
    { "0001", "1:1 7:0 1:1", IN } } },
  { "what comes behind a picture", {
    { "2601", "1:1 7:0 1:1", NEW },
    { "5001", "8:1", IN },
    { "4c01", "8:1", IN },
    { "5a01", "8:1", IN },
    { "7001", "8:1", IN },
    { "4801", "", IN },
    { "4a01", "", IN },
    { "2601", "1:1 7:0 1:1", NEW } } },
  { "an end of sequence, and no first slice behind it", {
    { "2601", "1:1 7:0 1:1", NEW },
    { "4801", "", IN },
    { "2a01", "1:0 7:0 1:1", NEW },
    { "2a01", "1:0 7:0 1:1", IN } } },
  { "other layers", {
    { "2601", "1:1 7:0 1:1", NEW },
    { "4209", "8:1", IN },
    { "4e09", "8:1", IN },
    { "2609", "1:1 7:0 1:1", IN },
    { "0201", "1:1 7:0 1:1", NEW },
    { "0209", "1:1 7:0 1:1", IN } } },
  { "reserved slice types are no pictures", {
    { "1401", "1:1 7:0 1:1", NEW },
    { "2c01", "1:1 7:0 1:1", IN },
    { "2601", "1:1 7:0 1:1", IN },
    { "2c01", "1:1 7:0 1:1", IN } } },
  { "half a header, no slice header", {
    { "26", "", IN },
    { "2601", "", NEW },
    { "0201", "", IN } } },
};

static void
check_places (KvsVideoCodec codec, const gchar *what, const Nal *nals)
{
  g_autoptr (KvsAccessUnitDetector) detector = kvs_access_unit_detector_new (codec);

  for (guint i = 0; i < MAX_NALS && nals[i].header != NULL; i++) {
    g_autoptr (GBytes) nal = nal_from_fields (nals[i].header, nals[i].fields);
    gsize size;
    const guint8 *data = g_bytes_get_data (nal, &size);
    KvsNalPlace place = kvs_access_unit_detector_push (detector, data, size);

    ck_assert_msg (place == nals[i].place, "%s: NAL unit %u has place %d", what, i, place);
  }
}

START_TEST (test_h264_places)
{
  check_places (KVS_VIDEO_CODEC_H264, h264_streams[_i].what, h264_streams[_i].nals);
}
END_TEST

START_TEST (test_h265_places)
{
  check_places (KVS_VIDEO_CODEC_H265, h265_streams[_i].what, h265_streams[_i].nals);
}
END_TEST

static KvsNalPlace
push_fields (KvsAccessUnitDetector *detector, const gchar *header, const gchar *fields)
{
  g_autoptr (GBytes) nal = nal_from_fields (header, fields);
  gsize size;
  const guint8 *data = g_bytes_get_data (nal, &size);

  return kvs_access_unit_detector_push (detector, data, size);
}

START_TEST (test_sets_from_elsewhere_and_reset)
{
  g_autoptr (KvsAccessUnitDetector) detector = kvs_access_unit_detector_new (KVS_VIDEO_CODEC_H264);
  g_autoptr (GBytes) sps = nal_from_fields ("67", SPS_OF (POC_0, FRAMES));
  g_autoptr (GBytes) pps = nal_from_fields ("68", PPS_PLAIN);

  kvs_access_unit_detector_add_parameter_set (detector, NULL, 0);
  kvs_access_unit_detector_add_parameter_set (detector, g_bytes_get_data (sps, NULL),
                                              g_bytes_get_size (sps));
  kvs_access_unit_detector_add_parameter_set (detector, g_bytes_get_data (pps, NULL),
                                              g_bytes_get_size (pps));
  for (guint i = 0; i < 2; i++) {
    ck_assert_int_eq (push_fields (detector, "65", SLICE ("e:0", "0", "e:0 8:0")), NEW);
    ck_assert_int_eq (push_fields (detector, "65", SLICE ("e:400", "0", "e:0 8:0")), IN);
    ck_assert_int_eq (push_fields (detector, "41", SLICE ("e:400", "1", "8:0")), NEW);
    /* the sets stay, the picture does not */
    kvs_access_unit_detector_reset (detector);
    ck_assert_int_eq (push_fields (detector, "41", SLICE ("e:400", "1", "8:0")), NEW);
    ck_assert_int_eq (push_fields (detector, "41", SLICE ("e:800", "2", "8:0")), NEW);
    kvs_access_unit_detector_reset (detector);
  }
}
END_TEST

int
main (void)
{
  Suite *s = suite_create ("access-unit");
  TCase *tc = tcase_create ("access-unit");

  tcase_add_loop_test (tc, test_h264_places, 0, G_N_ELEMENTS (h264_streams));
  tcase_add_loop_test (tc, test_h265_places, 0, G_N_ELEMENTS (h265_streams));
  tcase_add_test (tc, test_sets_from_elsewhere_and_reset);
  suite_add_tcase (s, tc);
  return run_suite (s);
}
