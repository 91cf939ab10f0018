/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* ADTS, ISO/IEC 14496-3 annex 1.A, from which packets and an AudioSpecificConfig are taken. */
#include "media/aac.h"

#include "error.h"
#include "media/aac-private.h"

#define SYNCWORD 0xfff
#define CRC_BYTES 2
#define POSITION_BYTES 2
#define ID_PCE 5 /* id_syn_ele, 4.5.2.1 */
#define MAX_BLOCKS 4

/* The fields of adts_fixed_header() and adts_variable_header() that are of use: 1.A.2.2 */
static gboolean
read_header (const guint8 *data, KvsAacAdtsHeader *out, GError **error)
{
  KvsBitReader reader;
  guint index;

  kvs_bit_reader_init_plain (&reader, data, KVS_AAC_ADTS_HEADER_BYTES);
  if (kvs_bit_reader_read (&reader, 12) != SYNCWORD) {
    g_set_error_literal (error, KVS_ERROR, KVS_ERROR_BAD_MEDIA, "ADTS: no syncword");
    return FALSE;
  }
  kvs_bit_reader_skip (&reader, 1); /* ID: MPEG-2 or MPEG-4, the same for what is used here */
  if (kvs_bit_reader_read (&reader, 2) != 0) {
    g_set_error_literal (error, KVS_ERROR, KVS_ERROR_BAD_MEDIA, "ADTS: layer is not 0");
    return FALSE;
  }
  out->has_crc = kvs_bit_reader_read (&reader, 1) == 0;
  out->object_type = kvs_bit_reader_read (&reader, 2) + 1;
  index = kvs_bit_reader_read (&reader, 4);
  out->sample_rate = kvs_aac_sample_rate_of_index (index);
  if (out->sample_rate == 0)
    return kvs_aac_fail (error, "sampling_frequency_index of an ADTS frame", index);
  kvs_bit_reader_skip (&reader, 1); /* private_bit */
  out->channel_config = kvs_bit_reader_read (&reader, 3);
  kvs_bit_reader_skip (&reader, 1 + 1 + 1 + 1); /* original, home, copyright */
  out->frame_size = kvs_bit_reader_read (&reader, 13);
  kvs_bit_reader_skip (&reader, 11); /* adts_buffer_fullness */
  out->n_blocks = kvs_bit_reader_read (&reader, 2) + 1;
  return TRUE;
}

/**
 * kvs_aac_adts_parse_header:
 * @data: what begins with an ADTS frame
 * @size: of @data in bytes
 * @out: (out): what the header says, valid only on success
 * @error: %KVS_ERROR_BAD_MEDIA when there is no ADTS header, or one that cannot be true
 *
 * The frame itself need not be there as a whole.
 *
 * Returns: whether it is a good header
 */
gboolean
kvs_aac_adts_parse_header (const guint8 *data, gsize size, KvsAacAdtsHeader *out, GError **error)
{
  if (size < KVS_AAC_ADTS_HEADER_BYTES) {
    g_set_error (error, KVS_ERROR, KVS_ERROR_BAD_MEDIA,
                 "ADTS header is cut off after %" G_GSIZE_FORMAT " bytes", size);
    return FALSE;
  }
  *out = (KvsAacAdtsHeader) { 0 };
  if (!read_header (data, out, error))
    return FALSE;
  out->header_size = KVS_AAC_ADTS_HEADER_BYTES;
  if (out->has_crc) /* adts_header_error_check() */
    out->header_size += CRC_BYTES + (out->n_blocks - 1) * POSITION_BYTES;
  if (out->frame_size <= out->header_size)
    return kvs_aac_fail (error, "aac_frame_length of an ADTS frame", out->frame_size);
  return TRUE;
}

static void
append_packet (GArray *packets, gsize start, gsize end)
{
  KvsAacPacket packet = { start, end - start };

  g_array_append_val (packets, packet);
}

/* Several blocks in a frame: each has a CRC behind it, and the header tells where each but the
 * first begins, counted from the first one. */
static gboolean
append_blocks (const guint8 *data, const KvsAacAdtsHeader *header, gsize offset, GArray *packets,
               GError **error)
{
  const guint8 *positions = data + offset + KVS_AAC_ADTS_HEADER_BYTES;
  gsize total = header->frame_size - header->header_size;
  gsize starts[MAX_BLOCKS + 1] = { 0 };

  for (guint i = 1; i < header->n_blocks; i++) {
    starts[i] = (gsize) positions[0] << 8 | positions[1];
    positions += POSITION_BYTES;
  }
  starts[header->n_blocks] = total;
  for (guint i = 0; i < header->n_blocks; i++) {
    if (starts[i + 1] > total || starts[i + 1] < starts[i] + CRC_BYTES + 1)
      return kvs_aac_fail (error, "raw_data_block_position of an ADTS frame", starts[i + 1]);
  }
  offset += header->header_size;
  for (guint i = 0; i < header->n_blocks; i++)
    append_packet (packets, offset + starts[i], offset + starts[i + 1] - CRC_BYTES);
  return TRUE;
}

static gboolean
append_frame (const guint8 *data, const KvsAacAdtsHeader *header, gsize offset, GArray *packets,
              GError **error)
{
  if (header->n_blocks == 1) {
    append_packet (packets, offset + header->header_size, offset + header->frame_size);
    return TRUE;
  }
  if (header->has_crc)
    return append_blocks (data, header, offset, packets, error);
  /* where one ends only a decoder knows */
  return kvs_aac_fail (error, "number of blocks in an ADTS frame without CRC", header->n_blocks);
}

/**
 * kvs_aac_adts_split:
 * @data: (nullable): whole ADTS frames, one after the other
 * @size: of @data in bytes
 * @packets: (element-type KvsAacPacket): what was in it is dropped
 * @error: %KVS_ERROR_BAD_MEDIA where a frame is cut off or something else begins; says at which
 *   offset
 *
 * Finds the raw_data_block()s, each of which is one packet of Matroska's A_AAC. CRCs are left out
 * and not checked. A frame that has several blocks can be taken apart only if it has CRCs, since
 * the blocks' positions are told with them. After an error @packets holds the packets of the frames
 * before the bad one.
 *
 * Keeps no state; safe from any thread.
 *
 * Returns: whether all was good
 */
gboolean
kvs_aac_adts_split (const guint8 *data, gsize size, GArray *packets, GError **error)
{
  gsize offset = 0;

  g_array_set_size (packets, 0);
  while (offset < size) {
    KvsAacAdtsHeader header;

    if (!kvs_aac_adts_parse_header (data + offset, size - offset, &header, error)) {
      g_prefix_error (error, "At offset %" G_GSIZE_FORMAT ": ", offset);
      return FALSE;
    }
    if (header.frame_size > size - offset) {
      g_set_error (error, KVS_ERROR, KVS_ERROR_BAD_MEDIA,
                   "ADTS frame at offset %" G_GSIZE_FORMAT " claims %" G_GSIZE_FORMAT
                   " bytes, but there are only %" G_GSIZE_FORMAT,
                   offset, header.frame_size, size - offset);
      return FALSE;
    }
    if (!append_frame (data, &header, offset, packets, error)) {
      g_prefix_error (error, "At offset %" G_GSIZE_FORMAT ": ", offset);
      return FALSE;
    }
    offset += header.frame_size;
  }
  return TRUE;
}

/* channel_configuration 0: the block begins with a program config element, or the channels were
 * told in an earlier one (4.5.1.2). */
static gboolean
write_program_config (const guint8 *data, gsize size, KvsAacWriter *writer, GError **error)
{
  KvsBitReader reader;
  guint channels = 0;

  kvs_bit_reader_init_plain (&reader, data, size);
  if (kvs_bit_reader_read (&reader, 3) == ID_PCE)
    kvs_aac_copy_program_config (&reader, writer, &channels);
  if (!reader.failed && channels > 0)
    return TRUE;
  g_set_error_literal (error, KVS_ERROR, KVS_ERROR_BAD_MEDIA,
                       "ADTS frame without channels has no good program config element");
  return FALSE;
}

/**
 * kvs_aac_adts_make_config:
 * @data: what begins with an ADTS frame
 * @size: of @data in bytes
 * @out: (out): what the AudioSpecificConfig says
 * @error: %KVS_ERROR_BAD_MEDIA when the header is bad, or does not tell the channels and no program
 *   config element does
 *
 * Makes the AudioSpecificConfig that a frame's header stands for: 2 bytes, or more where the
 * channels are told by a program config element.
 *
 * Returns: (transfer full) (nullable): the AudioSpecificConfig, or %NULL after an error
 */
GBytes *
kvs_aac_adts_make_config (const guint8 *data, gsize size, KvsAacConfig *out, GError **error)
{
  g_autoptr (GByteArray) bytes = g_byte_array_new ();
  KvsAacWriter writer = { .bytes = bytes };
  KvsAacAdtsHeader header;

  if (!kvs_aac_adts_parse_header (data, size, &header, error))
    return NULL;
  *out = (KvsAacConfig) {
    .object_type = header.object_type,
    .sample_rate = header.sample_rate,
    .channel_config = header.channel_config,
  };
  kvs_aac_write_head (&writer, out);
  kvs_aac_write (&writer, 0, 1 + 1 + 1); /* GASpecificConfig: 1024 samples, no core, no extension */
  if (header.channel_config == 0) {
    gsize end = MIN (size, header.frame_size);
    gsize start = MIN (end, header.header_size);

    if (!write_program_config (data + start, end - start, &writer, error))
      return NULL;
  }
  if (!kvs_aac_config_parse (bytes->data, bytes->len, out, error))
    return NULL;
  return g_byte_array_free_to_bytes (g_steal_pointer (&bytes));
}
