/* bzImages: a good one with a changed setup header, cut anywhere; the zero page made from it. */
#define MACHINE IMAGE_FOR_X86_64
#define SPACE_START 0x100000
#include "fuzz_image.h"

#include "../unit/samples.h"
#include "kernel/bzimage.h"

static const struct field fields[] = {
	{BZ_SETUP_SECTS, 1}, {BZ_SYSSIZE, 4},         {BZ_JUMP + 1, 1},      {BZ_PREF_ADDRESS, 8},
	{BZ_INIT_SIZE, 4},   {BZ_INITRD_ADDR_MAX, 4}, {BZ_CMDLINE_SIZE, 4},  {BZ_VERSION, 2},
	{BZ_LOADFLAGS, 1},   {BZ_XLOADFLAGS, 2},      {BZ_RAMDISK_IMAGE, 4}, {BZ_RAMDISK_SIZE, 4},
	{BZ_SETUP_DATA, 8},  {BZ_CMD_LINE_PTR, 4},
};

static const uint64_t bases[] = {
	0,
	1,
	2,
	4,
	BZ_CODE_SIZE / 16,
	BZ_HEADER_END - 0x202,
	0x290 - 0x202,
	0x20c,
	SPACE_START,
	SPACE_SIZE,
	SPACE_END,
	SPACE_END - BZ_NEEDED,
	BZ_NEEDED,
	(uint64_t)1 << 32,
	(uint64_t)1 << 63,
	0x0fffffff,
	0x10000000,
	UINT32_MAX,
	UINT64_MAX,
	UINT64_MAX - BZ_NEEDED,
};

static const struct memmap map = {
	.count = 3,
	.entry = {{0, 0x9fc00, MEMMAP_RAM},
		  {0xe0000, 0x20000, MEMMAP_RESERVED},
		  {0x100000, SPACE_SIZE, MEMMAP_RAM}},
};

/* The loader's fields are the loader's, the rest of the header is the kernel's, and what belongs to
 * neither is zero. */
static void require_zero_page(struct bytes file, const struct image *image)
{
	const struct zero_page values = {0x20000, 0x108000, 0x1234, 0xe0000, 0x8000, &map};
	uint8_t *page = malloc(ZERO_PAGE_SIZE);

	REQUIRE(page);
	memset(page, 0xee, ZERO_PAGE_SIZE);
	zero_page_build(image, &values, page);
	REQUIRE(page[0x1ef] == 0); /* the sentinel */
	REQUIRE(page[BZ_TYPE_OF_LOADER] == 0xff);
	REQUIRE(get_le32(page + BZ_CMD_LINE_PTR) == 0x20000);
	REQUIRE(get_le32(page + BZ_RAMDISK_IMAGE) == 0x108000);
	REQUIRE(get_le32(page + BZ_RAMDISK_SIZE) == 0x1234);
	REQUIRE(get_le64(page + BZ_SETUP_DATA) == 0x8000);
	REQUIRE(!memcmp(page + BZ_PREF_ADDRESS, file.data + BZ_PREF_ADDRESS, 12));
	REQUIRE(page[0x1e8] == map.count);
	REQUIRE(get_le64(page + 0x2d0 + 2 * 20) == 0x100000);
	for (unsigned i = 0x290; i < 0x2d0; i++)
		REQUIRE(page[i] == 0);
	for (unsigned i = 0x2d0 + 3 * 20; i < ZERO_PAGE_SIZE; i++)
		REQUIRE(page[i] == 0);
	free(page);
}

/* boot.rst, struct setup_data: next, type 9 (SETUP_RNG_SEED), length, data. */
static void require_seed(const uint8_t *file)
{
	uint8_t *data = malloc(SETUP_DATA_SIZE);

	REQUIRE(data);
	setup_data_build(file, data);
	REQUIRE(get_le64(data) == 0 && get_le32(data + 8) == 9);
	REQUIRE(get_le32(data + 12) == SETUP_DATA_SIZE - 16);
	REQUIRE(!memcmp(data + 16, file, BZIMAGE_SEED_SIZE));
	free(data);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = {data, size};
	uint8_t file[BZ_SIZE];
	struct image image;

	sample_bzimage(file);
	memset(file + BZ_HEADER_END, 0xdd, 0x40); /* code of the real-mode part */
	uint16_t cut = take16(&input);
	patch(&input, file, sizeof(file), fields, COUNT(fields), bases, COUNT(bases));

	size_t length = cut < 0xe000 ? BZ_SIZE : cut % (BZ_SIZE + 1u);
	uint8_t *copy = exact_copy(file, length);
	struct bytes bytes = {copy, length};
	if (accept_image(bytes, &image) && image.format == IMAGE_BZIMAGE) {
		/* All of the code is there, but for what fills up the last paragraph. */
		REQUIRE(image.segment[0].file_size / 16 + 1 >= get_le32(copy + BZ_SYSSIZE));
		require_zero_page(bytes, &image);
		require_seed(copy);
	}
	free(copy);
	return 0;
}
