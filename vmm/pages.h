/* Memory for what a VM has only sometimes; the rest is static. Start-up only. */
#ifndef MAYFLY_PAGES_H
#define MAYFLY_PAGES_H

#include <stdint.h>

#include "report.h"

/* SIZE bytes of zeros, page aligned, that cost nothing until touched; or NULL. For the process's life. */
void *pages_reserve(uint64_t size, struct problem *problem);

#endif
