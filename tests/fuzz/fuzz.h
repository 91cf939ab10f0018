/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The entry point of libFuzzer, which each target defines. */
#pragma once

#include <glib.h>

int LLVMFuzzerTestOneInput (const guint8 *data, gsize size);
