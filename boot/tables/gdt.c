#include "tables/gdt.h"

#include "base/bytes.h"

bool gdt_write(const struct ram *ram, uint64_t address, bool long_mode)
{
	/* Base 0, limit 4 GiB in pages, present; bits 53–54 are L and D. */
	const uint64_t code_64 = 0x00af9b000000ffff, code_32 = 0x00cf9b000000ffff;
	const uint64_t data = 0x00cf93000000ffff, task = 0x00008b0000000067;
	const uint64_t entries[] = {0, 0, long_mode ? code_64 : code_32, data, task};
	uint8_t table[sizeof(entries)];

	for (unsigned i = 0; i < sizeof(entries) / sizeof(entries[0]); i++)
		put_le64(table + i * 8, entries[i]);
	return ram_write(ram, GPA(address), table, sizeof(table));
}
