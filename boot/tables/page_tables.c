#include "tables/page_tables.h"

#include <string.h>

#include "base/bytes.h"

enum { PAGE = 4096, ENTRIES = 512, DIRECTORIES = 4, ENTRY_SIZE = 8 };
enum { PRESENT = 1 << 0, WRITABLE = 1 << 1, LARGE = 1 << 7 };

static bool write_table(const struct ram *ram, uint64_t address, unsigned count, uint64_t first,
			uint64_t step)
{
	uint8_t table[PAGE] = {0};

	for (unsigned i = 0; i < count; i++)
		put_le64(table + i * ENTRY_SIZE, first + i * step);
	return ram_write(ram, GPA(address), table, sizeof(table));
}

bool page_tables_write(const struct ram *ram, uint64_t address)
{
	uint64_t pointers = address + PAGE, directories = pointers + PAGE;
	uint64_t large = 2 << 20;

	if (!write_table(ram, address, 1, pointers | PRESENT | WRITABLE, 0) ||
	    !write_table(ram, pointers, DIRECTORIES, directories | PRESENT | WRITABLE, PAGE))
		return false;
	for (unsigned i = 0; i < DIRECTORIES; i++)
		if (!write_table(ram, directories + (uint64_t)i * PAGE, ENTRIES,
				 (uint64_t)i * ENTRIES * large | PRESENT | WRITABLE | LARGE, large))
			return false;
	return true;
}
