/* A 64-bit process has no 32-bit entry. */
#include "commands/selftest.h"

const struct exemption arch_exemptions[] = {{0}};

const struct entry arch_entries[] = {{0}};
