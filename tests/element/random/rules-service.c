/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the service refuses (kvs-api.md sections 7 and 8), for any sequence, legal or not. */
#include "rules.h"

#define MAX_DURATION_NS (20 * G_GINT64_CONSTANT (1000000000))
#define MAX_BYTES (50 * 1000 * 1000)

static guint
count_tracks (const Recording *recording, const RecordedCluster *cluster)
{
  guint seen = 0;

  for (guint i = 0; i < cluster->blocks->len; i++)
    seen |= 1u << g_array_index (cluster->blocks, RecordedBlock, i).track;
  (void) recording;
  return (guint) __builtin_popcount (seen);
}

static gchar *
check_cluster (const Recording *recording, guint index, gint64 *newest)
{
  const RecordedCluster *cluster = recording->clusters->pdata[index];
  gint64 scale_ns = (gint64) recording->scale_ns;
  gint64 floor = *newest, earliest = G_MAXINT64, latest = G_MININT64;

  if (cluster->timecode == G_MAXUINT64 || cluster->blocks->len == 0)
    return g_strdup_printf ("cluster %u is empty", index);
  if (index > 0
      && cluster->timecode
             <= ((RecordedCluster *) recording->clusters->pdata[index - 1])->timecode)
    return g_strdup_printf ("4004: the timecode of cluster %u does not rise", index);
  if (count_tracks (recording, cluster) != recording->tracks->len)
    return g_strdup_printf ("4011: cluster %u lacks frames of a track", index);
  if (cluster->size > MAX_BYTES)
    return g_strdup_printf ("4001: cluster %u has %" G_GSIZE_FORMAT " bytes", index,
                            cluster->size);
  for (guint i = 0; i < cluster->blocks->len; i++) {
    const RecordedBlock *block = &g_array_index (cluster->blocks, RecordedBlock, i);

    if (index > 0 && block->time <= floor)
      return g_strdup_printf ("4004: block %u of cluster %u is at %" G_GINT64_FORMAT
                              ", not later than the cluster before (%" G_GINT64_FORMAT ")",
                              i, index, block->time, floor);
    earliest = MIN (earliest, block->time);
    latest = MAX (latest, block->time);
  }
  if ((latest - earliest - 1) * scale_ns > MAX_DURATION_NS)
    return g_strdup_printf ("4002: cluster %u is too long", index);
  *newest = MAX (*newest, latest);
  return NULL;
}

static gchar *
check_recording (const Sequence *sequence, const Recording *recording)
{
  gint64 newest = G_MININT64;

  if (recording->error != NULL)
    return g_strdup (recording->error);
  /* Of illegal sequences a run may still go on, or have lost all that a session was begun for. */
  if (sequence->is_legal && !recording->is_whole)
    return g_strdup ("the session broke off");
  if (sequence->is_legal && recording->clusters->len == 0)
    return g_strdup ("a session without fragments");
  /* The last one of those may not be whole. */
  for (guint i = 0; i + (recording->is_whole ? 0 : 1) < recording->clusters->len; i++) {
    gchar *error = check_cluster (recording, i, &newest);

    if (error != NULL)
      return error;
  }
  return NULL;
}

static guint64
get_stat (const Result *result, const gchar *name)
{
  guint64 value = 0;

  gst_structure_get_uint64 (result->stats, name, &value);
  return value;
}

/* All that came in is either stored or dropped for a reason. The counters are those of the last run;
 * illegal sequences may have more of them. */
static gchar *
check_sums (const Sequence *sequence, const Result *result)
{
  static const gchar *const reasons[] = {
    "frames-dropped-before-key-frame", "frames-dropped-buffer-full", "frames-dropped-refused",
    "frames-dropped-late", "frames-dropped-damaged", "frames-dropped-corrupted",
  };
  guint64 n_dropped = 0, n_stored = 0;

  for (guint i = 0; i < G_N_ELEMENTS (reasons); i++)
    n_dropped += get_stat (result, reasons[i]);
  for (guint i = 0; i < result->recordings->len; i++) {
    const Recording *recording = result->recordings->pdata[i];

    for (guint k = 0; k < recording->clusters->len; k++)
      n_stored += ((RecordedCluster *) recording->clusters->pdata[k])->blocks->len;
  }
  if (!sequence->is_legal && get_stat (result, "fragments-buffered") > 0)
    return NULL;
  if (get_stat (result, "frames-in") == n_dropped + get_stat (result, "frames-persisted")
      && (!sequence->is_legal || (get_stat (result, "frames-persisted") == n_stored
                                  && get_stat (result, "sessions") == result->recordings->len)))
    return NULL;
  return g_strdup_printf ("%" G_GUINT64_FORMAT " frames came over the wire: the sums are wrong",
                          n_stored);
}

/* Returns: (transfer full) (nullable): what is wrong */
gchar *
rules_check_service (const Sequence *sequence, const Result *result)
{
  if (result->error != NULL)
    return g_strdup (result->error);
  for (guint i = 0; i < result->recordings->len; i++) {
    g_autofree gchar *error = check_recording (sequence, result->recordings->pdata[i]);

    if (error != NULL)
      return g_strdup_printf ("session %u: %s", i, error);
  }
  return check_sums (sequence, result);
}
