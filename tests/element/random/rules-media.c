/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the model says of legal sequences: which frames come, where, in what order and when. */
#include "rules.h"

#define S G_GINT64_CONSTANT (1000000000)
/* How long frames of other tracks wait for a key frame, less what rounding does */
#define MAX_EARLY_NS (10 * S - S / 100)

/* From running time to the time of blocks, as far as the blocks tell. */
typedef struct {
  gint64 low_ns;
  gint64 high_ns; /* not included */
} Distance;

typedef struct {
  Sequence *sequence;
  const Result *result;
  GHashTable *by_payload; /* GBytes -> Unit */
  GHashTable *distances;  /* key of a group of frames -> Distance */
  gint64 last_index[MAX_PADS];
  gint64 last_floor; /* of the sessions before */
  guint n_headless; /* fragments that do not start with a key frame */
} Check;

static guint64
get_stat (const Check *check, const gchar *name)
{
  guint64 value = 0;

  gst_structure_get_uint64 (check->result->stats, name, &value);
  return value;
}

/* ---- tracks ---- */

static gchar *
check_track (const Check *check, const RecordedTrack *track, const Unit *unit)
{
  const Pad *pad = &check->sequence->pads[unit->pad];
  const Config *config = pad->configs->pdata[unit->config];
  gboolean is_audio = codec_is_audio (pad->codec);

  if (track->number != unit->pad + 1)
    return g_strdup_printf ("comes in track %" G_GUINT64_FORMAT, track->number);
  if (track->type != (is_audio ? RECORDING_TYPE_AUDIO : RECORDING_TYPE_VIDEO)
      || !g_str_equal (track->codec_id, config->codec_id))
    return g_strdup_printf ("comes in a track of codec %s", track->codec_id);
  if (track->codec_private == NULL || !g_bytes_equal (track->codec_private, config->codec_private))
    return g_strdup ("comes in a track with other codec private data");
  if (track->width != config->width || track->height != config->height
      || (guint) track->sample_rate != config->sample_rate || track->channels != config->channels
      || track->bit_depth != config->bit_depth)
    return g_strdup ("comes in a track of another size, rate or number of channels");
  return NULL;
}

/* ---- times ---- */

/* Frames of a group keep their distance. With relative times each session counts from elsewhere. */
static Distance *
get_distance (Check *check, guint session, const Unit *unit)
{
  const Sequence *sequence = check->sequence;
  guint64 key = 0;
  Distance *distance;

  if (!sequence->is_absolute)
    key += session + 1;
  if (!sequence->is_steady)
    key += 1000 * (guint64) (unit->stretch + 1) + 1000000 * (guint64) (unit->pad + 1)
           + 100000000 * (guint64) (session + 1);
  distance = g_hash_table_lookup (check->distances, &key);
  if (distance == NULL) {
    distance = g_new (Distance, 1);
    *distance = (Distance) { G_MININT64, G_MAXINT64 };
    if (sequence->is_absolute && sequence->is_offline)
      *distance = (Distance) { (gint64) sequence->file_start_s * S,
                               (gint64) sequence->file_start_s * S + 1 };
    else if (sequence->is_absolute && sequence->has_clock)
      *distance = (Distance) { PLAYER_EPOCH_NS - 1000, PLAYER_EPOCH_NS + 1000 };
    g_hash_table_insert (check->distances, g_memdup2 (&key, sizeof key), distance);
  }
  return distance;
}

/* @floor: newest time of the fragments before; a block that would not lie behind is put there */
static gchar *
check_time (Check *check, guint session, const Unit *unit, const RecordedBlock *block,
            gint64 floor)
{
  gint64 scale_ns = check->sequence->scale_ms * 1000000;
  /* The wall clock tells microseconds. */
  gint64 slack_ns = check->sequence->has_clock ? 1000 : 0;
  Distance *distance;

  if (!check->sequence->keeps_time)
    return NULL;
  distance = get_distance (check, session, unit);
  /* A track that is not declared any more may overlap with the session before. */
  if (block->time != floor + 1 && block->time != check->last_floor + 1)
    distance->low_ns = MAX (distance->low_ns, block->time * scale_ns - unit->pts_ns);
  distance->high_ns = MIN (distance->high_ns, (block->time + 1) * scale_ns - unit->pts_ns);
  if (distance->low_ns < distance->high_ns + slack_ns)
    return NULL;
  return g_strdup_printf ("is at %" G_GINT64_FORMAT " units, running time %" G_GINT64_FORMAT
                          " ns: that is not the distance of others (low %" G_GINT64_FORMAT
                          ", high %" G_GINT64_FORMAT ", floor %" G_GINT64_FORMAT ")",
                          block->time, unit->pts_ns, distance->low_ns, distance->high_ns, floor);
}

/* ---- blocks ---- */

static gchar *
check_unit (Check *check, guint session, Unit *unit, const RecordedBlock *block, gint64 floor)
{
  const Recording *recording = check->result->recordings->pdata[session];
  gchar *error = check_track (check, recording_find_track (recording, block->track), unit);

  if (error != NULL)
    return error;
  if (unit->n_stored++ > 0)
    return g_strdup ("comes twice");
  if ((gint64) unit->index <= check->last_index[unit->pad])
    return g_strdup ("comes out of order");
  check->last_index[unit->pad] = unit->index;
  if (block->is_key != unit->is_key)
    return g_strdup (block->is_key ? "is marked as a key frame" : "is not marked as a key frame");
  return check_time (check, session, unit, block, floor);
}

static gchar *
check_block (Check *check, guint session, guint cluster, guint index, const RecordedBlock *block,
             gint64 floor)
{
  Unit *unit = g_hash_table_lookup (check->by_payload, block->payload);
  g_autofree gchar *error = unit != NULL ? check_unit (check, session, unit, block, floor)
                                         : g_strdup ("is damaged, or was never pushed");

  if (error == NULL)
    return NULL;
  return g_strdup_printf ("session %u, cluster %u, block %u (pad %d, frame %d): %s", session,
                          cluster, index, unit != NULL ? (gint) unit->pad : -1,
                          unit != NULL ? (gint) unit->index : -1, error);
}

static guint64
find_lead_track (const Recording *recording)
{
  for (guint64 number = 1; number <= RECORDING_MAX_TRACKS; number++) {
    const RecordedTrack *track = recording_find_track (recording, number);

    if (track != NULL && track->type == RECORDING_TYPE_VIDEO)
      return number;
  }
  return 0;
}

static void
look_at_head (Check *check, const Recording *recording, const RecordedCluster *cluster)
{
  guint64 lead = find_lead_track (recording);

  for (guint i = 0; i < cluster->blocks->len; i++) {
    const RecordedBlock *block = &g_array_index (cluster->blocks, RecordedBlock, i);

    if (block->track != lead)
      continue;
    if (!block->is_key)
      check->n_headless++;
    return;
  }
}

static gchar *
check_recording (Check *check, guint session)
{
  const Recording *recording = check->result->recordings->pdata[session];
  gint64 floor = check->sequence->is_absolute ? G_MININT64 / 2 : -1;

  if (recording->scale_ns != (guint64) check->sequence->scale_ms * 1000000)
    return g_strdup ("wrong timecode scale");
  for (guint i = 0; i < recording->clusters->len; i++) {
    const RecordedCluster *cluster = recording->clusters->pdata[i];
    gint64 newest = floor;

    look_at_head (check, recording, cluster);
    for (guint k = 0; k < cluster->blocks->len; k++) {
      const RecordedBlock *block = &g_array_index (cluster->blocks, RecordedBlock, k);
      gchar *error = check_block (check, session, i, k, block, floor);

      if (error != NULL)
        return error;
      newest = MAX (newest, block->time);
    }
    floor = newest;
  }
  check->last_floor = floor;
  return NULL;
}

/* ---- what is missing ---- */

/* Whether a key frame of the leading track comes in time for it. */
static gboolean
has_key_after (const Sequence *sequence, const Unit *unit, guint lead)
{
  for (guint i = 0; i < sequence->units->len; i++) {
    const Unit *key = sequence->units->pdata[i];

    if (key->pad == lead && key->is_key && key->stretch == unit->stretch
        && key->pts_ns >= unit->pts_ns && key->pts_ns - unit->pts_ns < MAX_EARLY_NS)
      return TRUE;
  }
  return FALSE;
}

/* The others wait for the leading track's key frame, but not for ever. */
static gboolean
is_before_key_frame (const Sequence *sequence, const Unit *unit)
{
  guint lead = sequence_find_lead (sequence);

  if (unit->before_key)
    return TRUE;
  if (unit->pad == lead)
    return FALSE;
  /* Pictures of a second video may wait so long that their key frame is gone. */
  if (!unit->is_key && !codec_is_audio (sequence->pads[unit->pad].codec))
    return TRUE;
  if (sequence->has_config_changes || sequence->has_time_lines || !sequence->is_steady)
    return TRUE;
  return !has_key_after (sequence, unit, lead);
}

static gchar *
check_missing (const Check *check)
{
  const Sequence *sequence = check->sequence;
  guint n_missing = 0, n_vanished = 0;
  guint64 n_before_key = get_stat (check, "frames-dropped-before-key-frame");
  guint64 n_late = get_stat (check, "frames-dropped-late");

  for (guint i = 0; i < sequence->units->len; i++) {
    const Unit *unit = sequence->units->pdata[i];

    if (unit->n_stored > 0)
      continue;
    if (unit->may_vanish && sequence->pads[unit->pad].codec == CODEC_H264_NAL) {
      n_vanished++;
      continue;
    }
    n_missing++;
    if (n_late == 0 && !is_before_key_frame (sequence, unit))
      return g_strdup_printf ("frame %u of pad %u (running time %" G_GINT64_FORMAT
                              ", stretch %u) is missing without a reason",
                              unit->index, unit->pad, unit->pts_ns, unit->stretch);
  }
  if (n_missing > n_before_key + n_late || n_missing + n_vanished < n_before_key + n_late)
    return g_strdup_printf ("%u frames are missing, which is not what the counters say", n_missing);
  /* The time to wait for one is never over. Where a fragment is forced, pictures that are shown more
   * than a second before others lie in one that is over; and a pad may enter a time line late, or by another distance. */
  if (n_late > 0 && get_stat (check, "fragments-without-key-frame") == 0
      && !sequence->has_time_lines)
    return g_strdup ("frames that came in time were dropped as late");
  return NULL;
}

static gchar *
check_counters (const Check *check)
{
  if (get_stat (check, "frames-dropped-buffer-full") > 0
      || get_stat (check, "frames-dropped-refused") > 0
      || get_stat (check, "frames-dropped-damaged") > 0
      || get_stat (check, "frames-dropped-corrupted") > 0)
    return g_strdup ("frames were dropped for a reason that there was not");
  if (check->n_headless > get_stat (check, "fragments-without-key-frame"))
    return g_strdup_printf ("%u fragments do not start with a key frame", check->n_headless);
  return NULL;
}

static gchar *
run (Check *check)
{
  gchar *error = NULL;

  for (guint i = 0; i < check->result->recordings->len && error == NULL; i++)
    error = check_recording (check, i);
  if (error == NULL)
    error = check_counters (check);
  if (error == NULL)
    error = check_missing (check);
  return error;
}

/* Returns: (transfer full) (nullable): what is wrong */
gchar *
rules_check_media (Sequence *sequence, const Result *result)
{
  Check check = { .sequence = sequence, .result = result };
  gchar *error;

  check.by_payload = g_hash_table_new (g_bytes_hash, g_bytes_equal);
  check.distances = g_hash_table_new_full (g_int64_hash, g_int64_equal, g_free, g_free);
  for (guint i = 0; i < MAX_PADS; i++)
    check.last_index[i] = -1;
  for (guint i = 0; i < sequence->units->len; i++) {
    Unit *unit = sequence->units->pdata[i];

    g_hash_table_insert (check.by_payload, unit->payload, unit);
  }
  error = run (&check);
  g_hash_table_unref (check.by_payload);
  g_hash_table_unref (check.distances);
  return error;
}
