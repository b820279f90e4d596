/* The time of day does not matter; how much of it passed does. */
#ifndef MAYFLY_MOMENT_H
#define MAYFLY_MOMENT_H

#include <stdint.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* Microseconds of CLOCK_MONOTONIC. Not by the vDSO: what that does depends on the host's clock,
 * and the filter's rule would be tried there alone where it is needed. */
static inline uint64_t moment(void)
{
	struct timespec time;

	syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &time);
	return (uint64_t)time.tv_sec * 1000000 + (uint64_t)time.tv_nsec / 1000;
}

#endif
