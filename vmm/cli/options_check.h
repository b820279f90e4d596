/* Which options of "mayfly run" go together. */
#ifndef MAYFLY_OPTIONS_CHECK_H
#define MAYFLY_OPTIONS_CHECK_H

#include <stdbool.h>

#include "base/config.h"
#include "base/report.h"

/* False if OPTIONS contradict each other, or lack one that they need. Each is right by itself. */
bool options_check(const struct options *options, struct problem *problem);

#endif
