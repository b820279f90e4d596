/* The start-up work of a static-PIE, which has no dynamic linker. */
#ifndef MAYFLY_START_H
#define MAYFLY_START_H

#include <stdbool.h>

/* Makes the data that only relocations write read-only (PT_GNU_RELRO). False: errno. */
bool start_protect(void);

#endif
