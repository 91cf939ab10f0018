/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "elementclock.h"

static gint64
wall_ns (gpointer element)
{
  (void) element;
  return g_get_real_time () * 1000;
}

static gint64
monotonic_ns (gpointer element)
{
  (void) element;
  return g_get_monotonic_time () * 1000;
}

static gint64
base_time_ns (gpointer element)
{
  GstClockTime base_time = gst_element_get_base_time (element);

  return GST_CLOCK_TIME_IS_VALID (base_time) ? (gint64) base_time : -1;
}

/**
 * gst_kvs_element_running_ns:
 * @element: an element
 *
 * Returns: the running time of this moment; -1 while the pipeline has no clock yet
 */
gint64
gst_kvs_element_running_ns (GstElement *element)
{
  g_autoptr (GstClock) clock = NULL;
  GstClockTime base_time;

  GST_OBJECT_LOCK (element);
  if (GST_ELEMENT_CLOCK (element) != NULL)
    clock = gst_object_ref (GST_ELEMENT_CLOCK (element));
  base_time = element->base_time;
  GST_OBJECT_UNLOCK (element);
  if (clock == NULL || !GST_CLOCK_TIME_IS_VALID (base_time))
    return -1;
  return (gint64) (gst_clock_get_time (clock) - base_time);
}

static gint64
running_ns (gpointer element)
{
  return gst_kvs_element_running_ns (element);
}

/**
 * gst_kvs_element_clock:
 *
 * Returns: the clocks of the machine and of an element, which is their user data
 */
const GstKvsTimelineClock *
gst_kvs_element_clock (void)
{
  static const GstKvsTimelineClock clock = {
    .wall_ns = wall_ns,
    .monotonic_ns = monotonic_ns,
    .running_ns = running_ns,
    .base_time_ns = base_time_ns,
  };

  return &clock;
}
