#include "kernel/bzimage.h"

#include <string.h>

#define SECTOR 512
#define LOAD_ADDRESS 0x100000 /* load address of the protected-mode code */
#define ENTRY_64 0x200        /* offset of the 64-bit entry in that code */

/* Offsets of setup_header fields, the same in the file and in the zero page. */
enum {
	SETUP_SECTS = 0x1f1,
	SYSSIZE = 0x1f4,
	JUMP_OFFSET = 0x201, /* the jump instruction's operand: the header ends at 0x202 + it */
	VERSION = 0x206,
	TYPE_OF_LOADER = 0x210,
	LOADFLAGS = 0x211,
	RAMDISK_IMAGE = 0x218,
	RAMDISK_SIZE = 0x21c,
	CMD_LINE_PTR = 0x228,
	INITRD_ADDR_MAX = 0x22c,
	XLOADFLAGS = 0x236,
	CMDLINE_SIZE = 0x238,
	SETUP_DATA = 0x250,
	PREF_ADDRESS = 0x258,
	INIT_SIZE = 0x260,
	HEADER_MIN_END = 0x264,
	HEADER_MAX_END = 0x290, /* where other boot_params fields begin */
};

/* Offsets of boot_params fields outside the setup header. */
enum {
	ACPI_RSDP_ADDR = 0x070,
	EXT_RAMDISK_IMAGE = 0x0c0,
	EXT_RAMDISK_SIZE = 0x0c4,
	E820_ENTRIES = 0x1e8,
	E820_TABLE = 0x2d0,
	E820_ENTRY_SIZE = 20,
};

enum {
	LOADED_HIGH = 1 << 0,
	XLF_KERNEL_64 = 1 << 0,
	PROTOCOL_2_12 = 0x020c,
	LOADER_UNDEFINED = 0xff,
	SETUP_RNG_SEED = 9,
};

static bool check_protocol(struct bytes file, struct problem *problem)
{
	const uint8_t *header = file.data;

	if (!bytes_have(file, 0, HEADER_MIN_END))
		return problem_set(problem, "is cut short in its setup header (copy it again)");
	if (get_le16(header + VERSION) < PROTOCOL_2_12)
		return problem_set(
			problem, "uses boot protocol %u.%02u (2.12 or newer is needed: Linux 3.8)",
			header[VERSION + 1], header[VERSION]);
	if (!(header[LOADFLAGS] & LOADED_HIGH))
		return problem_set(problem, "is a zImage (build a bzImage)");
	if (!(get_le16(header + XLOADFLAGS) & XLF_KERNEL_64))
		return problem_set(problem,
				   "has no 64-bit entry (build the kernel with CONFIG_64BIT=y)");
	return true;
}

/* The kernel is loaded at 1 MiB. It unpacks itself at its preferred address, and needs init_size
 * bytes there before it knows the memory map. */
static bool place(struct bytes file, struct image_space space, struct image *image,
		  struct problem *problem)
{
	uint64_t setup = (uint64_t)(file.data[SETUP_SECTS] ? file.data[SETUP_SECTS] : 4);
	uint64_t offset = (setup + 1) * SECTOR;
	uint64_t size = (uint64_t)get_le32(file.data + SYSSIZE) * 16;
	uint64_t preferred = get_le64(file.data + PREF_ADDRESS);
	uint64_t init_size = get_le32(file.data + INIT_SIZE);

	if (size <= ENTRY_64 || offset >= file.size || file.size - offset <= ENTRY_64)
		return problem_set(problem,
				   "is cut short before its protected-mode code (copy it again)");
	/* syssize counts paragraphs: the last one may be partly filled. */
	if (size > file.size - offset + 15)
		return problem_set(problem, "is cut short: %zu bytes of %llu (copy it again)",
				   file.size, (unsigned long long)(offset + size));
	if (size > file.size - offset)
		size = file.size - offset;
	if (preferred < LOAD_ADDRESS)
		preferred = LOAD_ADDRESS;
	if (init_size < size)
		init_size = size;
	if (space.start > LOAD_ADDRESS || init_size > space.end ||
	    preferred > space.end - init_size)
		return problem_set(problem,
				   "needs %llu KiB at 0x%llx and the guest's memory ends at 0x%llx "
				   "(give it more with -m)",
				   (unsigned long long)init_size >> 10,
				   (unsigned long long)preferred, (unsigned long long)space.end);
	image->end = preferred + init_size;
	image->segment_count = 1;
	image->segment[0] = (struct image_segment){
		.file_offset = offset,
		.file_size = size,
		.address = LOAD_ADDRESS,
		.memory_size = size,
	};
	return true;
}

bool bzimage_parse(struct bytes file, struct image_space space, struct image *image,
		   struct problem *problem)
{
	if (!check_protocol(file, problem) || !place(file, space, image, problem))
		return false;

	size_t header_end = 0x202u + file.data[JUMP_OFFSET];
	if (header_end < HEADER_MIN_END || !bytes_have(file, 0, header_end))
		return problem_set(problem, "has a damaged setup header (copy it again)");
	if (header_end > HEADER_MAX_END)
		header_end = HEADER_MAX_END;
	image->format = IMAGE_BZIMAGE;
	image->entry = LOAD_ADDRESS + ENTRY_64;
	image->initrd_max = get_le32(file.data + INITRD_ADDR_MAX);
	image->cmdline_max = get_le32(file.data + CMDLINE_SIZE);
	image->setup_header = (struct bytes){file.data + SETUP_SECTS, header_end - SETUP_SECTS};
	return true;
}

static void put_e820(uint8_t *page, const struct memmap *map)
{
	page[E820_ENTRIES] = (uint8_t)map->count;
	for (unsigned i = 0; i < map->count; i++) {
		uint8_t *entry = page + E820_TABLE + i * E820_ENTRY_SIZE;

		put_le64(entry, map->entry[i].address);
		put_le64(entry + 8, map->entry[i].size);
		put_le32(entry + 16, map->entry[i].type);
	}
}

void zero_page_build(const struct image *image, const struct zero_page *fields,
		     uint8_t page[ZERO_PAGE_SIZE])
{
	memset(page, 0, ZERO_PAGE_SIZE);
	memcpy(page + SETUP_SECTS, image->setup_header.data, image->setup_header.size);
	page[TYPE_OF_LOADER] = LOADER_UNDEFINED;
	put_le32(page + CMD_LINE_PTR, (uint32_t)fields->cmdline);
	put_le32(page + RAMDISK_IMAGE, (uint32_t)fields->initrd);
	put_le32(page + RAMDISK_SIZE, (uint32_t)fields->initrd_size);
	put_le32(page + EXT_RAMDISK_IMAGE, (uint32_t)(fields->initrd >> 32));
	put_le32(page + EXT_RAMDISK_SIZE, (uint32_t)(fields->initrd_size >> 32));
	put_le64(page + ACPI_RSDP_ADDR, fields->rsdp);
	put_le64(page + SETUP_DATA, fields->setup_data);
	put_e820(page, fields->map);
}

/* struct setup_data: next, type, length, then the data. */
void setup_data_build(const uint8_t seed[BZIMAGE_SEED_SIZE], uint8_t out[SETUP_DATA_SIZE])
{
	put_le64(out, 0);
	put_le32(out + 8, SETUP_RNG_SEED);
	put_le32(out + 12, BZIMAGE_SEED_SIZE);
	memcpy(out + 16, seed, BZIMAGE_SEED_SIZE);
}
