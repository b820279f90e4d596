#include "image.h"

#include <string.h>

#include "cpio.h"

/* Formats that are taken for kernels or initrds, and what to do with them. */
struct signature {
	size_t offset;
	size_t length;
	const char *magic;
	const char *name;
	const char *unpack; /* the command, or NULL: not a compressed file */
};

static const struct signature compressors[] = {
	{0, 2, "\x1f\x8b", "gzip", "gunzip -c"},
	{0, 6,
	 "\xfd"
	 "7zXZ",
	 "xz", "xz -dc"},
	{0, 4, "\x28\xb5\x2f\xfd", "zstd", "zstd -dc"},
	{0, 4, "\x02\x21\x4c\x18", "lz4", "lz4 -dc"},
	{0, 3, "BZh", "bzip2", "bzip2 -dc"},
	{0, 3, "\x5d\x00\x00", "lzma", "xz -dc"},
	{0, 4, "\x89LZO", "lzop", "lzop -dc"},
};

static const struct signature strangers[] = {
	{56, 4, "ARM\x64", "an arm64 Image, and this mayfly runs x86-64 guests", NULL},
	{0, 2, "#!", "a script", NULL},
	{0, 4, "!<ar", "an archive or package", NULL},
	{0, 6, "070701", "a cpio archive (an initramfs goes to -i)", NULL},
	{0, 4, "\x27\x05\x19\x56", "a U-Boot image", NULL},
};

static const struct signature *find_signature(struct bytes file, const struct signature *table,
					      size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (bytes_have(file, table[i].offset, table[i].length) &&
		    !memcmp(file.data + table[i].offset, table[i].magic, table[i].length))
			return &table[i];
	return NULL;
}

#define FIND(file, table) find_signature(file, table, sizeof(table) / sizeof((table)[0]))

static bool has(struct bytes file, uint64_t offset, const char *magic, size_t length)
{
	return bytes_have(file, offset, length) && !memcmp(file.data + offset, magic, length);
}

bool image_parse(struct bytes file, struct image_space space, struct image *image,
		 struct problem *problem)
{
	const struct signature *seen;

	*image = (struct image){0};
	if (file.size == 0)
		return problem_set(problem, "is empty (give a PVH vmlinux or a bzImage)");
	if (has(file, 0, "\177ELF", 4))
		return pvh_parse(file, space, image, problem);
	if (has(file, 0x202, "HdrS", 4))
		return bzimage_parse(file, space, image, problem);
	seen = FIND(file, compressors);
	if (seen)
		return problem_set(problem,
				   "is compressed with %s (unpack it first: %s FILE >vmlinux)",
				   seen->name, seen->unpack);
	seen = FIND(file, strangers);
	if (seen)
		return problem_set(problem, "is %s (give a PVH vmlinux or a bzImage)", seen->name);
	return problem_set(problem,
			   "is no kernel that mayfly knows (give a PVH vmlinux or a bzImage)");
}

bool image_load(struct bytes file, const struct image *image, const struct ram *ram)
{
	for (unsigned i = 0; i < image->segment_count; i++) {
		const struct image_segment *segment = &image->segment[i];

		if (!bytes_have(file, segment->file_offset, segment->file_size) ||
		    !ram_write(ram, GPA(segment->address), file.data + segment->file_offset,
			       segment->file_size))
			return false;
	}
	return true;
}

bool initrd_check(struct bytes file, struct problem *problem)
{
	if (file.size == 0)
		return problem_set(problem, "is empty (leave out -i, or give an initramfs)");
	if (FIND(file, compressors))
		return true;
	if (!has(file, 0, "070701", 6) && !has(file, 0, "070702", 6))
		return problem_set(problem, "is no initramfs (give a newc cpio archive: "
					    "find . | cpio -o -H newc)");
	return cpio_check(file, problem);
}
