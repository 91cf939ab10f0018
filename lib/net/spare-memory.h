/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Memory that is free but still the process's: after an outage that is as much as was buffered. */
#pragma once

#include "net/loop.h"

G_BEGIN_DECLS

void kvs_spare_memory_return (KvsLoop *loop);

G_END_DECLS
