/* What a static-PIE has to do for itself, as it has no dynamic linker. */
#ifndef MAYFLY_START_H
#define MAYFLY_START_H

#include <stdbool.h>

/* Makes what only relocations had to write read-only (PT_GNU_RELRO). False: errno. */
bool start_protect(void);

#endif
