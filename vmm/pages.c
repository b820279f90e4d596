#include "pages.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

void *pages_reserve(uint64_t size, struct problem *problem)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (memory != MAP_FAILED)
		return memory;
	problem_set(problem, "cannot reserve %llu KiB for a device: %s (free some memory)",
		    (unsigned long long)size >> 10, strerror(errno));
	return NULL;
}
