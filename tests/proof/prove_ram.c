/* vmm/base/ram.c: whatever address and length it is given, it touches mapped guest memory only. */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "atomics.h"
#include "base/ram.h"

/* Frama-C's headers are POSIX's; the functions that take these are not proved. */
#define MAP_NORESERVE 0
#define MADV_DONTDUMP 0
#define MADV_DONTFORK 0
#define MREMAP_MAYMOVE 0
#define MREMAP_FIXED 0
#define MADV_HUGEPAGE 0
#define MADV_NOHUGEPAGE 0
void *mremap(void *from, size_t size, size_t new_size, int flags, ...);

/*@ // LENGTH bytes from ADDRESS on lie in one range.
    predicate in_range(struct ram_range *range, integer address, integer length) =
	address >= range->base && address + length <= range->base + range->size;
    predicate in_ram(struct ram *ram, integer address, integer length) =
	in_range(&ram->range[0], address, length) || in_range(&ram->range[1], address, length);

    // A range is mapped as long as it says, and ends below 2^52, as far as any CPU's addresses
    // reach.
    predicate mapped(struct ram_range *range) =
	range->base + range->size <= 0x10000000000000 &&
	(range->size > 0 ==> range->host != \null &&
	 \valid((uint8_t *)range->host + (0 .. range->size - 1)));
    predicate sane_ram(struct ram *ram) =
	\valid_read(ram) && mapped(&ram->range[0]) && mapped(&ram->range[1]);

    // What is ours does not lie in guest memory.
    predicate apart(struct ram *ram, uint8_t *ours, integer length) =
	\separated(ours + (0 .. length - 1),
		   (uint8_t *)ram->range[0].host + (0 .. ram->range[0].size - 1)) &&
	\separated(ours + (0 .. length - 1),
		   (uint8_t *)ram->range[1].host + (0 .. ram->range[1].size - 1));
*/

/*@ requires \valid((uint8_t *)to + (0 .. size - 1));
    requires \valid_read((uint8_t *)from + (0 .. size - 1));
    requires \separated((uint8_t *)to + (0 .. size - 1), (uint8_t *)from + (0 .. size - 1));
    terminates \true;
    assigns ((uint8_t *)to)[0 .. size - 1];
    exits \false; */
void proof_copy(void *to, const void *from, size_t size);
#define memcpy proof_copy

/*@ requires sane_ram(ram);
    terminates \true;
    assigns \nothing;
    exits \false;
    ensures found: \result != \null && length > 0 ==> \valid(\result + (0 .. length - 1));
    ensures where: \result != \null ==> \exists integer i; 0 <= i < RAM_RANGES_MAX &&
	in_range(&ram->range[i], address.v, length) &&
	\result == (uint8_t *)ram->range[i].host + (address.v - ram->range[i].base);
    ensures all: \result == \null && length > 0 ==> !in_ram(ram, address.v, length); */
static uint8_t *locate(const struct ram *ram, gpa_t address, size_t length);

/*@ requires sane_ram(ram);
    requires \valid((uint8_t *)buffer + (0 .. length - 1));
    requires apart(ram, (uint8_t *)buffer, length);
    terminates \true;
    assigns ((uint8_t *)buffer)[0 .. length - 1];
    exits \false;
    ensures \result ==> in_ram(ram, from.v, length); */
bool ram_read(const struct ram *ram, gpa_t from, void *buffer, size_t length);

/*@ requires sane_ram(ram);
    requires \valid_read((uint8_t *)buffer + (0 .. length - 1));
    requires apart(ram, (uint8_t *)buffer, length);
    terminates \true;
    assigns ((uint8_t *)ram->range[0].host)[0 .. ram->range[0].size - 1],
	((uint8_t *)ram->range[1].host)[0 .. ram->range[1].size - 1];
    exits \false;
    ensures \result ==> in_ram(ram, to.v, length); */
bool ram_write(const struct ram *ram, gpa_t to, const void *buffer, size_t length);

/*@ requires sane_ram(ram);
    terminates \true;
    assigns \nothing;
    exits \false;
    ensures \result ==> in_ram(ram, start.v, length); */
bool ram_holds(const struct ram *ram, gpa_t start, size_t length);

/*@ requires sane_ram(ram) && \valid(span) && \separated(span, ram);
    terminates \true;
    assigns *span;
    exits \false;
    ensures \result && length > 0 ==> \valid((uint8_t *)span->iov_base + (0 .. span->iov_len - 1));
    ensures \result ==> span->iov_len == length && in_ram(ram, start.v, length); */
bool ram_span(const struct ram *ram, gpa_t start, size_t length, struct iovec *span);

/*@ requires sane_ram(ram);
    terminates \true;
    assigns \nothing;
    exits \false; */
uint16_t ram_load16_acquire(const struct ram *ram, gpa_t address);

/*@ requires sane_ram(ram);
    terminates \true;
    assigns ((uint8_t *)ram->range[0].host)[0 .. ram->range[0].size - 1],
	((uint8_t *)ram->range[1].host)[0 .. ram->range[1].size - 1];
    exits \false; */
void ram_store16_release(const struct ram *ram, gpa_t address, uint16_t value);

#include "annotated/vmm/base/ram.c"
