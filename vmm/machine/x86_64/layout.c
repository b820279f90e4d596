/* The memory map of arch_layout.h as a guest is told it. */
#include "arch_layout.h"

static void add(struct memmap *map, uint64_t address, uint64_t end, enum memmap_type type)
{
	map->entry[map->count++] = (struct memmap_entry){address, end - address, type};
}

/* What is in no entry is no memory, and nobody's. */
void layout_memmap(uint64_t ram_size, struct memmap *map)
{
	uint64_t low_end = ram_size < ARCH_HOLE_START ? ram_size : ARCH_HOLE_START;

	map->count = 0;
	add(map, 0, LAYOUT_EBDA, MEMMAP_RAM);
	add(map, LAYOUT_EBDA, LAYOUT_EBDA + LAYOUT_EBDA_SIZE, MEMMAP_RESERVED);
	add(map, LAYOUT_ACPI, LAYOUT_RAM_LOW, MEMMAP_RESERVED);
	add(map, LAYOUT_RAM_LOW, low_end, MEMMAP_RAM);
	if (ram_size > low_end)
		add(map, LAYOUT_RAM_HIGH, LAYOUT_RAM_HIGH + ram_size - low_end, MEMMAP_RAM);
}
