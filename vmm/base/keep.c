#include "base/keep.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/exitcode.h"
#include "base/text.h"

/* All kept memory, so that a leak checker finds it. */
struct kept {
	struct kept *next;
	max_align_t memory[];
};

static struct kept *all;

void *keep(size_t size)
{
	struct kept *kept = calloc(1, sizeof(*kept) + size);

	if (!kept) {
		report("cannot get %zu bytes: %s (free some memory)", size, strerror(errno));
		_exit(CODE_MAYFLY_FAILED);
	}
	kept->next = all;
	all = kept;
	return kept->memory;
}

char *keep_text(const char *text, size_t length)
{
	return memcpy(keep(length + 1), text, length);
}

char *keep_format(const char *format, ...)
{
	const char *end = format + strlen(format);
	va_list args;
	size_t length;
	char *text;

	va_start(args, format);
	length = text_format(NULL, 0, format, end, &args);
	va_end(args);
	text = keep(length + 1);
	va_start(args, format);
	text_format(text, length + 1, format, end, &args);
	va_end(args);
	return text;
}

void keep_release(void)
{
	while (all) {
		struct kept *first = all;

		all = first->next;
		free(first);
	}
}

void *keep_pages(uint64_t size, struct problem *problem)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (memory != MAP_FAILED)
		return memory;
	problem_set(problem, "cannot reserve %llu KiB for a device: %s (free some memory)",
		    (unsigned long long)size >> 10, strerror(errno));
	return NULL;
}
