/* A process of 64 bits cannot enter as one of 32. */
#include "commands/selftest.h"

const struct exemption arch_exemptions[] = {{0}};

const struct entry arch_entries[] = {{0}};
