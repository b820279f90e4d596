/* Intervals of time; the time of day does not matter. */
#ifndef MAYFLY_MOMENT_H
#define MAYFLY_MOMENT_H

#include <stdint.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* Microseconds of CLOCK_MONOTONIC. A system call, not the vDSO: on some hosts the vDSO falls back
 * to the system call, and only there would the filter's rule be tested. */
static inline uint64_t moment(void)
{
	struct timespec time;

	syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &time);
	return (uint64_t)time.tv_sec * 1000000 + (uint64_t)time.tv_nsec / 1000;
}

#endif
