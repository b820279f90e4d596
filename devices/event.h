/* Signalling an eventfd. */
#ifndef MAYFLY_EVENT_H
#define MAYFLY_EVENT_H

#include <stdint.h>
#include <unistd.h>

/* Wakes whoever waits for FD. It fails only when the counter is full, and then the signal is
 * pending already. */
static inline void event_signal(int fd)
{
	uint64_t one = 1;

	if (write(fd, &one, sizeof(one)) < 0)
		return;
}

#endif
