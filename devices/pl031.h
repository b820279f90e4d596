/* A real-time clock: Arm's PrimeCell PL031 (DDI 0224). Where KVM tells no time of day, on arm64,
 * the guest's kernel takes it from here. It has the host's time, cannot be set and has no alarm:
 * so it has no state, and nothing to save. */
#ifndef MAYFLY_PL031_H
#define MAYFLY_PL031_H

#include <stdint.h>

#include "base/sysfilter.h"

#define PL031_SIZE 0x1000 /* of its registers, 32 bits each */

/* Reads SIZE bytes at OFFSET, within one register. */
uint32_t pl031_read(unsigned offset, unsigned size);

/* The system calls that it needs. */
void pl031_allow(struct sysfilter *filter);

#endif
