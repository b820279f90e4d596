/* A stand-in for vmm/sysfilter.c that writes down what the owners of descriptors ask for, so that a
 * test can compare it with what they document. */
#ifndef MAYFLY_SYSFILTER_STUB_H
#define MAYFLY_SYSFILTER_STUB_H

#include <stdint.h>

enum { ANY_FD = -1, ALLOWED_MAX = 64 };

struct allowed {
	int nr;
	int first; /* descriptor, or ANY_FD */
	unsigned count;
	uint32_t request; /* of an ioctl, else 0 */
};

struct allowed_list {
	unsigned count;
	struct allowed rule[ALLOWED_MAX];
};

/* Since the start of the program; a test empties it by setting count to 0. */
extern struct allowed_list allowed;

#endif
