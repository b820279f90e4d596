/* arm64 Images: a good one with a changed header, cut anywhere. */
#define MACHINE IMAGE_FOR_ARM64
#define SPACE_START 0x40200000u
#include "fuzz_image.h"

#include "../unit/samples.h"

static const struct field fields[] = {
	{A64_TEXT_OFFSET, 8}, {A64_IMAGE_SIZE, 8}, {A64_FLAGS, 8},     {A64_TEXT_OFFSET, 4},
	{A64_IMAGE_SIZE, 4},  {A64_FLAGS, 1},      {A64_PE_HEADER, 4}, {A64_CODE0, 4},
};

static const uint64_t bases[] = {
	0,
	1,
	8,
	A64_HEADER_END,
	A64_SIZE,
	A64_NEEDED,
	SPACE_SIZE,
	SPACE_SIZE - A64_SIZE,
	SPACE_SIZE - A64_NEEDED,
	0x80000,
	0x200000,
	SPACE_START,
	SPACE_END,
	(uint64_t)1 << 32,
	(uint64_t)1 << 63,
	UINT32_MAX,
	UINT64_MAX,
	UINT64_MAX - SPACE_START + 1,
	UINT64_MAX - SPACE_END + 1,
	UINT64_MAX - A64_SIZE,
};

/* booting.rst: what a kernel may rely on. */
static void require_protocol(struct bytes file, const struct image *image)
{
	const struct image_segment *all = &image->segment[0];

	REQUIRE(image->format == IMAGE_ARM64 && image->segment_count == 1);
	REQUIRE((image->entry - get_le64(file.data + A64_TEXT_OFFSET)) % 0x200000 == 0);
	REQUIRE(image->entry == all->address);
	REQUIRE(all->file_offset == 0 && all->file_size == file.size);
	REQUIRE(get_le64(file.data + A64_IMAGE_SIZE) != 0);
	REQUIRE(get_le64(file.data + A64_IMAGE_SIZE) <= image->end - image->entry);
	REQUIRE(!(file.data[A64_FLAGS] & 1));
	REQUIRE(image->page_size ==
		(file.data[A64_FLAGS] >> 1 & 3 ? 1024u << 2 * (file.data[A64_FLAGS] >> 1 & 3) : 0));
	REQUIRE(image->initrd_max >= image->end);
	REQUIRE(image->initrd_max - (SPACE_START & -(1u << 30)) < (uint64_t)32 << 30);
}

/* An EFI program with an Image in it (zboot-header.S), with any compressor's name: it is
 * refused. */
static void make_zboot(struct input *input, uint8_t *file)
{
	static const char *const names[] = {"gzip", "zstd",  "lz4", "xz",
					    "lzma", "bzip2", "lzo", "?"};
	const char *name = names[take8(input) % COUNT(names)];

	memset(file + A64_MAGIC, 0, 4);
	memcpy(file, "MZ\0\0zimg", 8);
	memcpy(file + 24, name, strlen(name) + 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = {data, size};
	uint8_t file[A64_SIZE];
	struct image image;

	sample_arm64(file);
	uint16_t cut = take16(&input);
	if ((cut & 0xff00) == 0xdf00)
		make_zboot(&input, file);
	patch(&input, file, sizeof(file), fields, COUNT(fields), bases, COUNT(bases));

	size_t length = cut < 0xe000 ? A64_SIZE : cut % (A64_SIZE + 1u);
	uint8_t *copy = exact_copy(file, length);
	struct bytes bytes = {copy, length};
	if (accept_image(bytes, &image))
		require_protocol(bytes, &image);
	free(copy);
	return 0;
}
