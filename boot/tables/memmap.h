/* The guest's memory map, as firmware would give it. */
#ifndef MAYFLY_MEMMAP_H
#define MAYFLY_MEMMAP_H

#include <stdint.h>

#define MEMMAP_MAX 8

/* The numbers of both e820 and PVH's hvm_memmap_table_entry. */
enum memmap_type { MEMMAP_RAM = 1, MEMMAP_RESERVED = 2 };

struct memmap_entry {
	uint64_t address, size;
	enum memmap_type type;
};

struct memmap {
	unsigned count;
	struct memmap_entry entry[MEMMAP_MAX];
};

#endif
