/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "media/h265.h"

#include <check.h>
#include <string.h>

#include "../suite.h"
#include "bits.h"
#include "bytes.h"
#include "error.h"
#include "h265-fields.h"
#include "h265-streams.h"

static void
parse_hvcc (const gchar *hex, KvsH265Hvcc *out)
{
  g_autoptr (GBytes) bytes = bytes_from_hex (hex);
  g_autoptr (GError) error = NULL;

  ck_assert_msg (kvs_h265_hvcc_parse (bytes, out, &error), "%s", error ? error->message : "");
}

START_TEST (test_real_hvcc)
{
  g_auto (KvsH265Hvcc) hvcc = { 0 };

  parse_hvcc (streams[_i].hvcc, &hvcc);
  ck_assert_uint_eq (hvcc.profile.space, 0);
  ck_assert_uint_eq (hvcc.profile.idc, streams[_i].profile_idc);
  ck_assert_uint_eq (hvcc.profile.level_idc, streams[_i].level_idc);
  ck_assert_int_eq (hvcc.profile.is_high_tier, streams[_i].is_high_tier);
  ck_assert_uint_eq (hvcc.chroma_format_idc, streams[_i].chroma_format_idc);
  ck_assert_uint_eq (hvcc.bit_depth_luma, streams[_i].bit_depth);
  ck_assert_uint_eq (hvcc.bit_depth_chroma, streams[_i].bit_depth);
  ck_assert_uint_eq (hvcc.n_temporal_layers, streams[_i].n_temporal_layers);
  ck_assert_int_eq (hvcc.temporal_id_nested, streams[_i].temporal_id_nesting);
  ck_assert_uint_eq (hvcc.nal_length_size, 4);
  ck_assert_uint_eq (hvcc.vps->len, 1);
  ck_assert_uint_eq (hvcc.sps->len, 1);
  ck_assert_uint_eq (hvcc.pps->len, 1);
  ck_assert_msg (hvcc.width == streams[_i].width && hvcc.height == streams[_i].height,
                 "%s: got %ux%u", streams[_i].what, hvcc.width, hvcc.height);
}
END_TEST

START_TEST (test_real_sps)
{
  g_auto (KvsH265Hvcc) hvcc = { 0 };
  g_autoptr (GError) error = NULL;
  KvsH265Sps sps;
  gsize size;
  const guint8 *nal;

  parse_hvcc (streams[_i].hvcc, &hvcc);
  nal = g_bytes_get_data (g_ptr_array_index (hvcc.sps, 0), &size);
  ck_assert_msg (kvs_h265_sps_parse (nal, size, &sps, &error), "%s: %s", streams[_i].what,
                 error ? error->message : "");
  ck_assert_uint_eq (sps.id, 0);
  ck_assert_uint_eq (sps.vps_id, 0);
  ck_assert_uint_eq (sps.width, streams[_i].width);
  ck_assert_uint_eq (sps.height, streams[_i].height);
  ck_assert_uint_eq (sps.profile.idc, streams[_i].profile_idc);
  ck_assert_uint_eq (sps.profile.level_idc, streams[_i].level_idc);
  ck_assert_int_eq (sps.profile.is_high_tier, streams[_i].is_high_tier);
  ck_assert_uint_eq (sps.profile.compatibility_flags, hvcc.profile.compatibility_flags);
  ck_assert_uint_eq (sps.profile.constraint_flags, hvcc.profile.constraint_flags);
  ck_assert_uint_eq (sps.max_sub_layers, streams[_i].n_temporal_layers);
  ck_assert_int_eq (sps.temporal_id_nesting, streams[_i].temporal_id_nesting);
  ck_assert_uint_eq (sps.chroma_format_idc, streams[_i].chroma_format_idc);
  ck_assert_uint_eq (sps.bit_depth_luma, streams[_i].bit_depth);
  ck_assert_uint_eq (sps.min_spatial_segmentation_idc, 0);
}
END_TEST

/* A cut SPS, as packet loss leaves it, gives no size but the right one. */
START_TEST (test_cut_sps)
{
  g_auto (KvsH265Hvcc) hvcc = { 0 };
  gsize size;
  const guint8 *nal;

  parse_hvcc (streams[_i].hvcc, &hvcc);
  nal = g_bytes_get_data (g_ptr_array_index (hvcc.sps, 0), &size);
  for (gsize n = 0; n < size; n++) {
    g_autoptr (GError) error = NULL;
    g_autofree guint8 *cut = g_memdup2 (nal, n);
    KvsH265Sps sps;

    if (kvs_h265_sps_parse (cut, n, &sps, &error)) {
      ck_assert_uint_eq (sps.width, streams[_i].width);
      ck_assert_uint_eq (sps.height, streams[_i].height);
    } else {
      ck_assert (g_error_matches (error, KVS_ERROR, KVS_ERROR_BAD_MEDIA));
      ck_assert_msg (strstr (error->message, "cut off") != NULL, "%s", error->message);
    }
    if (n < 20)
      ck_assert (error != NULL);
  }
}
END_TEST

/* ---- SPS by hand ---- */

/* with everything there can be */
#define VUI_DESCRIPTION \
  "1:1 8:255 16:4 16:3 1:1 1:1 1:1 3:0 1:1 1:1 8:1 8:1 8:1 1:1 e:1 e:1 " \
  "1:0 1:0 1:1 1:1 e:1 e:2 e:3 e:4 "
#define TIMING "1:1 32:1 32:25 1:1 e:0 "
#define HRD_SUB_PIC "1:1 1:1 1:1 8:9 5:3 1:1 5:4 4:1 4:2 4:3 5:5 5:6 5:7 "

/* scaling_list_data(), 7.3.4: lists that are written out, and copies of others */
#define LIST_16 \
  "1:1 s:1 s:-2 s:3 s:0 s:0 s:0 s:0 s:0 s:0 s:0 s:0 s:0 s:0 s:0 s:0 s:0 "
#define LIST_64 "s:0 s:0 s:0 s:0 s:0 s:0 s:0 s:0 s:0 s:0 s:0 s:0 s:0 s:0 s:0 s:0 " \
  "s:0 s:0 s:0 s:0 s:0 s:0 s:0 s:0 s:0 s:0 s:0 s:0 s:0 s:0 s:0 s:0 " \
  "s:0 s:0 s:0 s:0 s:0 s:0 s:0 s:0 s:0 s:0 s:0 s:0 s:0 s:0 s:0 s:0 " \
  "s:0 s:0 s:0 s:0 s:0 s:0 s:0 s:0 s:0 s:0 s:0 s:0 s:0 s:0 s:0 s:-5 "
#define COPY "1:0 e:0 "

/* st_ref_pic_set(), 7.4.8: -1, -2, 1; then with 1 added to each and to 0: -1, 2, 1 and 0, which is
 * the picture itself; then with 2 taken away, and one left out: -1, -2 and again 0; then 1 added to
 * two. */
#define SETS \
  "e:4 " \
  "e:2 e:1 e:0 1:1 e:0 1:1 e:0 1:1 " \
  "1:1 1:0 e:0 1:1 1:1 1:1 1:1 " \
  "1:1 1:1 e:1 1:0 1:0 1:1 1:0 1:1 1:1 " \
  "1:1 1:0 e:0 1:1 1:1 1:1 "

static const struct {
  const gchar *what;
  const gchar *header;
  const gchar *fields;
  guint id, width, height, max_sub_layers, segmentation; /* width 0: an error */
  const gchar *error_part;
} made_sps[] = {
  { "720p", "4201", HEAD SIZE TAIL, 0, 1280, 720, 1, 0, NULL },
  { "1080p, cropped", "4201", HEAD "e:1 e:1920 e:1088 1:1 e:0 e:0 e:0 e:4 " TAIL,
    0, 1920, 1080, 1, 0, NULL },
  { "id 15, VPS 15", "4201", "4:15 3:0 1:1 " PROFILE "e:15 " SIZE TAIL, 15, 1280, 720, 1, 0, NULL },
  { "monochrome, odd", "4201", HEAD "e:0 e:1280 e:720 1:1 e:1 e:2 e:3 e:4 " TAIL,
    0, 1277, 713, 1, 0, NULL },
  { "4:2:2", "4201", HEAD "e:2 e:1280 e:720 1:1 e:1 e:2 e:3 e:4 " TAIL, 0, 1274, 713, 1, 0, NULL },
  { "4:4:4, separate planes", "4201", HEAD "e:3 1:1 e:1280 e:720 1:1 e:0 e:1 e:0 e:1 " TAIL,
    0, 1279, 719, 1, 0, NULL },
  { "seven sub-layers, some with a profile or level", "4201",
    "4:0 3:6 1:0 " PROFILE "2:3 2:0 2:1 2:2 2:3 2:0 2:0 2:0 "
    "32:0x21600000 32:0x900000 24:0 8:30 8:60 32:0x21600000 32:0x900000 24:0 "
    "32:0x21600000 32:0x900000 24:0 8:90 "
    "e:0 " SIZE "e:0 e:0 e:4 1:0 e:4 e:2 e:0 " BLOCKS TOOLS NO_SETS REST END,
    0, 1280, 720, 7, 0, NULL },
  { "scaling lists, PCM and long-term pictures", "4201",
    HEAD SIZE DEPTHS BLOCKS "1:1 1:1 "
    LIST_16 COPY LIST_16 COPY LIST_16 LIST_16 "1:1 " LIST_64 COPY COPY COPY COPY COPY
    "1:1 s:-7 " LIST_64 COPY COPY COPY COPY COPY "1:1 s:7 " LIST_64 COPY
    "1:1 1:1 1:1 4:7 4:7 e:0 e:2 1:1 " NO_SETS "1:1 e:2 8:17 1:1 8:34 1:0 1:1 1:1 "
    "1:1 " VUI_PLAIN "1:0 " RESTRICTION ("40") END, 0, 1280, 720, 1, 40, NULL },
  { "reference picture sets", "4201",
    HEAD SIZE DEPTHS BLOCKS TOOLS SETS REST "1:1 " VUI_PLAIN "1:0 " RESTRICTION ("40") END,
    0, 1280, 720, 1, 40, NULL },
  { "a full VUI", "4201",
    HEAD SIZE DEPTHS BLOCKS TOOLS NO_SETS REST "1:1 " VUI_DESCRIPTION TIMING "1:1 " HRD_SUB_PIC
    "1:0 1:1 e:0 e:1 e:9 e:9 e:9 e:9 1:0 e:9 e:9 e:9 e:9 1:0 "
    "e:8 e:8 e:8 e:8 1:1 e:8 e:8 e:8 e:8 1:1 "
    RESTRICTION ("4095") END, 0, 1280, 720, 1, 4095, NULL },
  { "HRD of low delay, and none of a kind", "4201",
    HEAD SIZE DEPTHS BLOCKS TOOLS NO_SETS REST "1:1 " VUI_PLAIN TIMING "1:1 1:0 1:0 1:0 1:0 1:1 "
    RESTRICTION ("7") END, 0, 1280, 720, 1, 7, NULL },
  { "HRD with a fixed rate and only VCL", "4201",
    HEAD SIZE DEPTHS BLOCKS TOOLS NO_SETS REST "1:1 " VUI_PLAIN TIMING
    "1:1 1:0 1:1 1:0 4:1 4:2 5:5 5:6 5:7 1:1 e:3 e:0 e:9 e:9 1:0 " RESTRICTION ("7") END,
    0, 1280, 720, 1, 7, NULL },
  { "a VUI with too many buffers", "4201",
    HEAD SIZE DEPTHS BLOCKS TOOLS NO_SETS REST "1:1 " VUI_PLAIN TIMING
    "1:1 1:0 1:0 1:1 e:0 e:32 " RESTRICTION ("7") END, 0, 1280, 720, 1, 0, NULL },
  { "a VUI that is cut off", "4201",
    HEAD SIZE DEPTHS BLOCKS TOOLS NO_SETS REST "1:1 1:1 8:255", 0, 1280, 720, 1, 0, NULL },
  { "segmentation out of range", "4201",
    HEAD SIZE DEPTHS BLOCKS TOOLS NO_SETS REST "1:1 " VUI_PLAIN "1:0 " RESTRICTION ("4096") END,
    0, 1280, 720, 1, 0, NULL },
  { "largest", "4201", HEAD "e:1 e:16888 e:8 1:0 " TAIL, 0, 16888, 8, 1, 0, NULL },
  { "too wide", "4201", HEAD "e:1 e:16896 e:8 1:0 " TAIL, 0, 0, 0, 0, 0,
    "pic_width_in_luma_samples is 16896" },
  { "no width", "4201", HEAD "e:1 e:0 e:8 1:0 " TAIL, 0, 0, 0, 0, 0, "cropping" },
  { "cropped to nothing", "4201", HEAD "e:1 e:64 e:64 1:1 e:16 e:16 e:0 e:0 " TAIL, 0, 0, 0, 0, 0,
    "cropping, in pixels, is 64" },
  { "cropped beyond counting", "4201",
    HEAD "e:1 e:64 e:64 1:1 e:0 e:0 e:4294967294 e:4294967294 " TAIL, 0, 0, 0, 0, 0, "cropping" },
  { "width not of whole blocks", "4201", HEAD "e:1 e:1284 e:720 1:0 " TAIL, 0, 0, 0, 0, 0,
    "pic_width_in_luma_samples is 1284" },
  { "height not of whole blocks", "4201", HEAD "e:1 e:1280 e:721 1:0 " TAIL, 0, 0, 0, 0, 0,
    "pic_height_in_luma_samples is 721" },
  { "id 16", "4201", "4:0 3:0 1:1 " PROFILE "e:16 " SIZE TAIL, 0, 0, 0, 0, 0,
    "sps_seq_parameter_set_id is 16" },
  { "eight sub-layers", "4201", "4:0 3:7 1:1 " PROFILE "e:0 " SIZE TAIL, 0, 0, 0, 0, 0,
    "sps_max_sub_layers_minus1 is 7" },
  { "chroma_format_idc 4", "4201", HEAD "e:4 e:1280 e:720 1:0 " TAIL, 0, 0, 0, 0, 0,
    "chroma_format_idc is 4" },
  { "bit depth 17", "4201", HEAD SIZE "e:9 e:0 e:4 1:1 e:4 e:2 e:0 " BLOCKS TOOLS NO_SETS REST END,
    0, 0, 0, 0, 0, "bit_depth_luma_minus8 is 9" },
  { "65 sets", "4201", HEAD SIZE DEPTHS BLOCKS TOOLS "e:65 " REST END, 0, 0, 0, 0, 0,
    "num_short_term_ref_pic_sets is 65" },
  { "17 pictures", "4201", HEAD SIZE DEPTHS BLOCKS TOOLS "e:1 e:9 e:8 " REST END, 0, 0, 0, 0, 0,
    "num_positive_pics is 8" },
  { "another layer", "4209", HEAD SIZE TAIL, 0, 0, 0, 0, 0, "nuh_layer_id is 1" },
  { "a PPS", "4401", HEAD SIZE TAIL, 0, 0, 0, 0, 0, "nal_unit_type is 34" },
};

START_TEST (test_made_sps)
{
  g_autoptr (GBytes) nal = nal_from_fields (made_sps[_i].header, made_sps[_i].fields);
  g_autoptr (GError) error = NULL;
  KvsH265Sps sps;
  gsize size;
  const guint8 *data = g_bytes_get_data (nal, &size);
  gboolean good = kvs_h265_sps_parse (data, size, &sps, &error);

  if (made_sps[_i].width == 0) {
    ck_assert_msg (!good, "%s: taken for %ux%u", made_sps[_i].what, sps.width, sps.height);
    ck_assert (g_error_matches (error, KVS_ERROR, KVS_ERROR_BAD_MEDIA));
    ck_assert_msg (strstr (error->message, made_sps[_i].error_part) != NULL, "%s: %s",
                   made_sps[_i].what, error->message);
    return;
  }
  ck_assert_msg (good, "%s: %s", made_sps[_i].what, error ? error->message : "");
  ck_assert_msg (sps.width == made_sps[_i].width && sps.height == made_sps[_i].height,
                 "%s: got %ux%u", made_sps[_i].what, sps.width, sps.height);
  ck_assert_uint_eq (sps.id, made_sps[_i].id);
  ck_assert_uint_eq (sps.vps_id, made_sps[_i].id);
  ck_assert_uint_eq (sps.max_sub_layers, made_sps[_i].max_sub_layers);
  ck_assert_msg (sps.min_spatial_segmentation_idc == made_sps[_i].segmentation, "%s: got %u",
                 made_sps[_i].what, sps.min_spatial_segmentation_idc);
  ck_assert_uint_eq (sps.profile.level_idc, 93);
  ck_assert_uint_eq (sps.profile.compatibility_flags, 0x60000000);
  ck_assert (sps.profile.constraint_flags == G_GUINT64_CONSTANT (0x900000000000));
}
END_TEST

/* ---- access units ---- */

static const struct {
  const gchar *hex;
  KvsH265Picture picture;
} access_units[] = {
  { "000001 460150 000001 4001 0c 000001 4201 01 000001 4401 c1 000001 2801 af",
    KVS_H265_PICTURE_IDR },
  { "000001 2601 af", KVS_H265_PICTURE_IDR },
  { "000001 2a01 af 000001 2a01 30", KVS_H265_PICTURE_CRA },
  { "000001 2001 af", KVS_H265_PICTURE_BLA },
  { "000001 2201 af", KVS_H265_PICTURE_BLA },
  { "000001 2401 af", KVS_H265_PICTURE_BLA },
  { "000001 0c01 af", KVS_H265_PICTURE_RADL },
  { "000001 0e01 af", KVS_H265_PICTURE_RADL },
  { "000001 1001 af", KVS_H265_PICTURE_RASL },
  { "000001 1201 af", KVS_H265_PICTURE_RASL },
  { "000001 0001 af", KVS_H265_PICTURE_TRAILING },
  { "000001 4e01 05 000001 0201 af", KVS_H265_PICTURE_TRAILING },
  { "000001 0402 af", KVS_H265_PICTURE_TRAILING },
  { "000001 0a02 af", KVS_H265_PICTURE_TRAILING },
  /* a trailing picture whose second view is an IDR picture, which alone is none */
  { "000001 0201 af 000001 2809 af", KVS_H265_PICTURE_TRAILING },
  { "000001 2809 af", KVS_H265_PICTURE_NONE },
  { "000001 2901 af", KVS_H265_PICTURE_NONE },
  /* reserved types, parameter sets alone, a unit of one byte */
  { "000001 2c01 af", KVS_H265_PICTURE_NONE },
  { "000001 1401 af", KVS_H265_PICTURE_NONE },
  { "000001 4001 0c 000001 4201 01", KVS_H265_PICTURE_NONE },
  { "000001 28", KVS_H265_PICTURE_NONE },
  { "", KVS_H265_PICTURE_NONE },
};

START_TEST (test_access_unit)
{
  g_autoptr (GArray) units = g_array_new (FALSE, FALSE, sizeof (KvsNalUnit));
  g_autoptr (GBytes) bytes = bytes_from_hex (access_units[_i].hex);
  gsize size;
  const guint8 *data = g_bytes_get_data (bytes, &size);
  KvsH265Picture want = access_units[_i].picture;
  KvsH265Picture picture;

  kvs_nal_split_annexb (data, size, units);
  picture = kvs_h265_access_unit_get_picture (data, (const KvsNalUnit *) units->data, units->len);
  ck_assert_int_eq (picture, want);
  ck_assert_int_eq (kvs_h265_picture_is_key (picture),
                    want == KVS_H265_PICTURE_IDR || want == KVS_H265_PICTURE_BLA
                        || want == KVS_H265_PICTURE_CRA);
}
END_TEST

START_TEST (test_nal_types)
{
  static const guint8 idr[] = { 0x28, 0x01 }, sps[] = { 0x42, 0x01 }, layer[] = { 0x43, 0xf9 };

  ck_assert_uint_eq (kvs_h265_nal_type (idr), KVS_H265_NAL_IDR_N_LP);
  ck_assert_uint_eq (kvs_h265_nal_type (sps), KVS_H265_NAL_SPS);
  ck_assert_uint_eq (kvs_h265_nal_type (layer), KVS_H265_NAL_SPS);
  ck_assert_uint_eq (kvs_h265_nal_layer_id (sps), 0);
  ck_assert_uint_eq (kvs_h265_nal_layer_id (layer), 63);
  for (guint type = 0; type < 64; type++) {
    ck_assert_int_eq (kvs_h265_nal_type_is_vcl (type), type <= 31);
    ck_assert_int_eq (kvs_h265_nal_type_is_irap (type), type >= 16 && type <= 21);
    ck_assert_int_eq (kvs_h265_nal_type_is_radl (type), type == 6 || type == 7);
    ck_assert_int_eq (kvs_h265_nal_type_is_rasl (type), type == 8 || type == 9);
  }
}
END_TEST

int
main (void)
{
  Suite *s = suite_create ("h265");
  TCase *tc = tcase_create ("h265");

  tcase_add_loop_test (tc, test_real_hvcc, 0, G_N_ELEMENTS (streams));
  tcase_add_loop_test (tc, test_real_sps, 0, G_N_ELEMENTS (streams));
  tcase_add_loop_test (tc, test_cut_sps, 0, G_N_ELEMENTS (streams));
  tcase_add_loop_test (tc, test_made_sps, 0, G_N_ELEMENTS (made_sps));
  tcase_add_loop_test (tc, test_access_unit, 0, G_N_ELEMENTS (access_units));
  tcase_add_test (tc, test_nal_types);
  suite_add_tcase (s, tc);
  return run_suite (s);
}
