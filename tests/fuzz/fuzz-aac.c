/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The same bytes as an AudioSpecificConfig and as ADTS. A configuration that was made must say the
 * same as what it was made of, and packets must lie one behind the other. */
#include "fuzz.h"

#include "media/aac.h"

static void
check_config (const KvsAacConfig *config)
{
  g_assert_cmpuint (config->object_type, >=, 1);
  g_assert_cmpuint (config->object_type, <=, 31 + 1 + 63);
  g_assert_cmpuint (config->sample_rate, >=, 1);
  g_assert_cmpuint (config->sample_rate, <, 1 << 24);
  g_assert_cmpuint (config->extension_sample_rate, >=, 1);
  g_assert_cmpuint (config->extension_sample_rate, <, 1 << 24);
  g_assert_cmpuint (config->channel_config, <=, 14);
  /* 45 pairs and three LFE channels are the most of a program config element */
  g_assert_cmpuint (config->channels, <=, 93);
  g_assert_cmpuint (config->samples_per_frame, >=, 480);
  g_assert_cmpuint (config->samples_per_frame, <=, 1024);
  g_assert_true (config->has_sbr || !config->has_ps);
  g_assert_true (config->has_sbr || config->extension_sample_rate == config->sample_rate);
}

static GBytes *
make_core (GBytes *config, KvsAacConfig *out)
{
  gsize size;
  const guint8 *data = g_bytes_get_data (config, &size);

  return kvs_aac_config_make_core (data, size, out, NULL);
}

/* What was made of a configuration keeps the core, and making it again changes nothing. */
static void
check_core (GBytes *core, const KvsAacConfig *config)
{
  KvsAacConfig of_core;
  g_autoptr (GBytes) again = make_core (core, &of_core);

  g_assert_nonnull (again);
  g_assert_true (g_bytes_equal (core, again));
  check_config (&of_core);
  g_assert_cmpuint (of_core.object_type, ==, config->object_type);
  g_assert_cmpuint (of_core.sample_rate, ==, config->sample_rate);
  g_assert_cmpuint (of_core.channel_config, ==, config->channel_config);
  g_assert_cmpuint (of_core.channels, ==, config->channels);
  g_assert_cmpuint (of_core.samples_per_frame, ==, config->samples_per_frame);
}

static void
try_config (const guint8 *data, gsize size)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) core = NULL;
  KvsAacConfig config, again;

  if (!kvs_aac_config_parse (data, size, &config, &error)) {
    g_assert_nonnull (error);
    g_assert_null (kvs_aac_config_make_core (data, size, &config, NULL));
    return;
  }
  check_config (&config);
  core = kvs_aac_config_make_core (data, size, &again, &error);
  g_assert_nonnull (core);
  g_assert_cmpuint (again.channels, ==, config.channels);
  check_core (core, &config);
}

static void
try_adts_config (const guint8 *data, gsize size)
{
  g_autoptr (GError) error = NULL;
  KvsAacConfig config;
  g_autoptr (GBytes) made = kvs_aac_adts_make_config (data, size, &config, &error);

  g_assert_cmpint (made == NULL, ==, error != NULL);
  if (made == NULL)
    return;
  check_config (&config);
  g_assert_cmpuint (config.channels, >=, 1);
  g_assert_false (config.has_sbr);
  check_core (made, &config);
}

static void
try_adts (const guint8 *data, gsize size)
{
  g_autoptr (GArray) packets = g_array_new (FALSE, FALSE, sizeof (KvsAacPacket));
  g_autoptr (GError) error = NULL;
  gboolean good = kvs_aac_adts_split (data, size, packets, &error);
  gsize end = 0;

  g_assert_cmpint (good, ==, error == NULL);
  for (guint i = 0; i < packets->len; i++) {
    const KvsAacPacket *packet = &g_array_index (packets, KvsAacPacket, i);

    g_assert_cmpuint (packet->size, >, 0);
    g_assert_cmpuint (packet->offset, >=, end);
    g_assert_cmpuint (packet->offset, <, size);
    g_assert_cmpuint (packet->size, <=, size - packet->offset);
    end = packet->offset + packet->size;
  }
}

int
LLVMFuzzerTestOneInput (const guint8 *data, gsize size)
{
  try_config (data, size);
  try_adts_config (data, size);
  try_adts (data, size);
  return 0;
}
