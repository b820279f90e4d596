#include "base/ram.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* The least guard around each range, one page of any host: a span that is too long or begins too
 * early hits none of our memory. */
#define GUARD 65536
/* Host and guest addresses are equal modulo this size, so that huge pages serve both. */
#define LARGE_PAGE (UINT64_C(2) << 20)

/* From this many bytes on, a mapping is cheaper than a copy. */
#define WORTH_SHARING 65536

/* Linux 5.7; musl's headers lack it. */
#ifndef MREMAP_DONTUNMAP
#define MREMAP_DONTUNMAP 4
#endif

/* These are hints: a kernel that does not know one still runs the VM. */
static void keep_to_ourselves(void *host, size_t size)
{
	madvise(host, size, MADV_DONTDUMP);
	madvise(host, size, MADV_DONTFORK);
}

static bool map_range(struct ram_range *range, uint64_t base, uint64_t size,
		      struct problem *problem)
{
	/* NORESERVE: guests get more memory than they touch, and 64 GiB must not need 64 GiB of
	 * commit charge. */
	uint8_t *whole = mmap(NULL, size + 2 * LARGE_PAGE, PROT_NONE,
			      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	uint64_t before = GUARD + (base - (uintptr_t)whole - GUARD) % LARGE_PAGE;
	uint8_t *host = whole == MAP_FAILED ? NULL : whole + before;

	if (!host || mprotect(host, size, PROT_READ | PROT_WRITE) < 0)
		return problem_set(
			problem,
			"cannot reserve %llu MiB of guest memory: %s (give the guest less "
			"with -m, or raise the limit on address space: ulimit -v)",
			(unsigned long long)size >> 20, strerror(errno));
	keep_to_ourselves(host, size);
	*range = (struct ram_range){.base = base, .size = size, .host = host, .before = before};
	return true;
}

bool ram_reserve(struct ram *ram, uint64_t size, uint64_t start, uint64_t hole_start,
		 uint64_t hole_end, struct problem *problem)
{
	uint64_t below = size < hole_start - start ? size : hole_start - start;

	*ram = (struct ram){0};
	if (!map_range(&ram->range[0], start, below, problem))
		return false;
	if (size > below && !map_range(&ram->range[1], hole_end, size - below, problem)) {
		ram_release(ram);
		return false;
	}
	return true;
}

void ram_release(struct ram *ram)
{
	for (unsigned i = 0; i < RAM_RANGES_MAX; i++)
		if (ram->range[i].size)
			munmap((uint8_t *)ram->range[i].host - ram->range[i].before,
			       ram->range[i].size + 2 * LARGE_PAGE);
	*ram = (struct ram){0};
}

uint64_t ram_host(const struct ram *ram, unsigned index)
{
	return (uint64_t)(uintptr_t)ram->range[index].host;
}

/* The only bounds check of guest memory. Nothing in it can wrap. */
static uint8_t *locate(const struct ram *ram, gpa_t address, size_t length)
{
	for (unsigned i = 0; i < RAM_RANGES_MAX; i++) {
		const struct ram_range *range = &ram->range[i];

		if (address.v < range->base)
			continue;
		uint64_t offset = address.v - range->base;
		if (length <= range->size && offset <= range->size - length)
			return (uint8_t *)range->host + offset;
	}
	return NULL;
}

bool ram_read(const struct ram *ram, gpa_t from, void *buffer, size_t length)
{
	const uint8_t *host = locate(ram, from, length);

	if (!host)
		return false;
	if (length)
		memcpy(buffer, host, length);
	__asm__ volatile("" ::: "memory");
	return true;
}

bool ram_write(const struct ram *ram, gpa_t to, const void *buffer, size_t length)
{
	uint8_t *host = locate(ram, to, length);

	if (!host)
		return false;
	if (length) /* BUFFER may be NULL if LENGTH is 0 */
		memcpy(host, buffer, length);
	return true;
}

bool ram_choose_pages(struct ram *ram, enum hugepages wanted, const char *setting,
		      struct problem *problem)
{
	const int advice = wanted == HUGEPAGES_ON ? MADV_HUGEPAGE : MADV_NOHUGEPAGE;
	bool always = setting && strstr(setting, "[always]");

	if (wanted == HUGEPAGES_ON && (!setting || strstr(setting, "[never]")))
		return problem_set(problem, "this host has no huge pages for --hugepages=on (%s)",
				   setting ? "echo madvise "
					     ">/sys/kernel/mm/transparent_hugepage/enabled"
					   : "mount /sys, or give it a kernel with "
					     "CONFIG_TRANSPARENT_HUGEPAGE");
	ram->large = wanted == HUGEPAGES_ON || (wanted == HUGEPAGES_AUTO && always);
	for (unsigned i = 0; i < RAM_RANGES_MAX && wanted != HUGEPAGES_AUTO; i++)
		if (ram->range[i].size)
			madvise(ram->range[i].host, ram->range[i].size, advice);
	return true;
}

/* Maps the pages at FROM, of a private mapping, also at HOST. Needs Linux 5.13; on failure HOST may
 * be unmapped. */
static bool share(uint8_t *host, const uint8_t *from, size_t size)
{
	const int flags = MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP;

	if (mremap((void *)(uintptr_t)from, size, size, flags, host) != host ||
	    mprotect(host, size, PROT_READ | PROT_WRITE) < 0)
		return false;
	keep_to_ourselves(host, size);
	return true;
}

/* Maps fresh memory at HOST. */
static bool renew(uint8_t *host, size_t size)
{
	if (mmap(host, size, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0) == MAP_FAILED)
		return false;
	keep_to_ourselves(host, size);
	return true;
}

bool ram_place(const struct ram *ram, gpa_t to, const void *buffer, size_t length)
{
	uint8_t *host = locate(ram, to, length);
	const uint8_t *from = buffer;
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
	size_t head = -(uintptr_t)host % page;

	if (!host)
		return false;
	if (ram->large || ((uintptr_t)host - (uintptr_t)from) % page ||
	    length < head + WORTH_SHARING)
		return ram_write(ram, to, buffer, length);
	size_t tail = (length - head) % page, body = length - head - tail;
	if (!share(host + head, from + head, body))
		return renew(host + head, body) && ram_write(ram, to, buffer, length);
	memcpy(host, from, head);
	memcpy(host + head + body, from + head + body, tail);
	return true;
}

bool ram_holds(const struct ram *ram, gpa_t start, size_t length)
{
	return locate(ram, start, length) != NULL;
}

bool ram_span(const struct ram *ram, gpa_t start, size_t length, struct iovec *span)
{
	*span = (struct iovec){.iov_base = locate(ram, start, length), .iov_len = length};
	return span->iov_base != NULL;
}

uint16_t ram_load16_acquire(const struct ram *ram, gpa_t address)
{
	_Atomic uint16_t *index = (_Atomic uint16_t *)(void *)locate(ram, address, sizeof(*index));

	return index ? atomic_load_explicit(index, memory_order_acquire) : 0;
}

void ram_store16_release(const struct ram *ram, gpa_t address, uint16_t value)
{
	_Atomic uint16_t *index = (_Atomic uint16_t *)(void *)locate(ram, address, sizeof(*index));

	if (index)
		atomic_store_explicit(index, value, memory_order_release);
}
