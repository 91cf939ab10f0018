/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "service-rules.h"

#include <check.h>

#define MAX_DURATION_NS (20 * MEDIA_S)
#define MAX_BYTES (50 * 1000 * 1000)

#define CHECK_RULE(condition, what) \
  ck_assert_msg (condition, "%s, cluster %u: %s", where, at, what)

static void
check_cluster (const WireCluster *cluster, guint declared, gint64 scale_ns, gint64 *newest,
               const gchar *where, guint at)
{
  gint64 earliest = G_MAXINT64, latest = G_MININT64;
  guint seen = 0;

  for (guint i = 0; i < cluster->blocks->len; i++) {
    const WireBlock *block = &g_array_index (cluster->blocks, WireBlock, i);

    seen |= 1u << block->track;
    earliest = MIN (earliest, block->time);
    latest = MAX (latest, block->time);
  }
  CHECK_RULE ((seen & ~declared) == 0, "4010: a track that the header lacks");
  CHECK_RULE ((declared & ~seen) == 0, "4011: a track without a frame");
  CHECK_RULE (earliest > *newest && (gint64) cluster->timecode > *newest, "4004: time goes back");
  CHECK_RULE ((latest - earliest) * scale_ns <= MAX_DURATION_NS, "4002: longer than 20 s");
  CHECK_RULE (cluster->size <= MAX_BYTES, "4001: more than 50 MB");
  *newest = latest;
}

/* @where: for the message of a test that fails */
void
service_rules_check (const Wire *wire, gint64 scale_ns, const gchar *where)
{
  guint declared = wire_declared_tracks (wire);
  gint64 newest = -1;

  for (guint at = 0; at < wire->clusters->len; at++)
    check_cluster (g_ptr_array_index (wire->clusters, at), declared, scale_ns, &newest, where, at);
}
