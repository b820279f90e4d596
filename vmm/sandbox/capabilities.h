/* Root's capabilities (capabilities(7)) of the calling thread. */
#ifndef MAYFLY_CAPABILITIES_H
#define MAYFLY_CAPABILITIES_H

#include <stdbool.h>
#include <stdint.h>

/* Makes all permitted capabilities effective; setresuid(2) to another user clears the effective
 * ones. */
void capabilities_raise(void);

/* Drops all capabilities except those in KEEP, one bit each, from every set. False: errno. */
bool capabilities_keep(uint64_t keep);

#endif
