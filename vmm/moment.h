/* The time of day does not matter; how much of it passed does. */
#ifndef MAYFLY_MOMENT_H
#define MAYFLY_MOMENT_H

#include <stdint.h>
#include <time.h>

/* Microseconds of CLOCK_MONOTONIC. A system call where the vDSO cannot do it: see deadlines_allow. */
static inline uint64_t moment(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (uint64_t)time.tv_sec * 1000000 + (uint64_t)time.tv_nsec / 1000;
}

#endif
