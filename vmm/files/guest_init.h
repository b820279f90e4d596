/* The guest's PID 1 (rootfs/init.c): a static ELF file inside mayfly's. */
#ifndef MAYFLY_GUEST_INIT_H
#define MAYFLY_GUEST_INIT_H

#include "base/bytes.h"

struct bytes guest_init(void);

#endif
