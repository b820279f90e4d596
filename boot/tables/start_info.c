#include "tables/start_info.h"

#include <string.h>

#include "base/bytes.h"

#define HVM_START_MAGIC_VALUE 0x336ec578

enum { HEADER_SIZE = 56, MODULE_SIZE = 32, MEMMAP_ENTRY_SIZE = 24 };

static void put_memmap(uint8_t *out, const struct memmap *map)
{
	for (unsigned i = 0; i < map->count; i++, out += MEMMAP_ENTRY_SIZE) {
		put_le64(out, map->entry[i].address);
		put_le64(out + 8, map->entry[i].size);
		put_le32(out + 16, map->entry[i].type);
	}
}

void start_info_build(const struct start_info *fields, uint8_t out[START_INFO_SIZE])
{
	memset(out, 0, START_INFO_SIZE);
	put_le32(out, HVM_START_MAGIC_VALUE);
	put_le32(out + 4, 1); /* version: has a memory map */
	put_le64(out + 24, fields->cmdline);
	put_le64(out + 32, fields->rsdp);
	put_le64(out + 40, fields->address + HEADER_SIZE + MODULE_SIZE);
	put_le32(out + 48, fields->map->count);
	put_memmap(out + HEADER_SIZE + MODULE_SIZE, fields->map);
	if (!fields->initrd_size)
		return;
	put_le32(out + 12, 1); /* nr_modules */
	put_le64(out + 16, fields->address + HEADER_SIZE);
	put_le64(out + HEADER_SIZE, fields->initrd);
	put_le64(out + HEADER_SIZE + 8, fields->initrd_size);
}
