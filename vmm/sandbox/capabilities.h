/* What root may do, and hands over: capabilities(7), of the calling thread. */
#ifndef MAYFLY_CAPABILITIES_H
#define MAYFLY_CAPABILITIES_H

#include <stdbool.h>
#include <stdint.h>

/* Makes those effective that are permitted: another user's are not, after setresuid(2). */
void capabilities_raise(void);

/* Drops all but those in KEEP, a bit each, from every set. False: errno. */
bool capabilities_keep(uint64_t keep);

#endif
