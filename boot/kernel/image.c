#include "kernel/image.h"

#include "archive/compressed.h"
#include "archive/cpio.h"

/* Files that users may take for kernels. */
static const struct stranger {
	size_t offset;
	size_t length;
	const char *magic;
	const char *name;
} strangers[] = {
	{0, 2, "#!", "a script"},
	{0, 4, "!<ar", "an archive or package"},
	{0, 6, "070701", "a cpio archive (an initramfs goes to -i)"},
	{0, 4, "\x27\x05\x19\x56", "a U-Boot image"},
	{4, 4, "zimg", "an EFI zboot image, which x86-64 does not have"},
};

static const struct kernel {
	size_t offset;
	size_t length;
	const char *magic;
	const char *name;
	enum image_machine machine;
	bool (*parse)(struct bytes, struct image_space, struct image *, struct problem *);
} kernels[] = {
	{0, 4, "\177ELF", "an ELF file", IMAGE_FOR_X86_64, pvh_parse},
	{0x202, 4, "HdrS", "an x86-64 bzImage", IMAGE_FOR_X86_64, bzimage_parse},
	{56, 4, "ARM\x64", "an arm64 Image", IMAGE_FOR_ARM64, arm64_image_parse},
};

/* By machine: the fix, the guests' name, and the name of an unpacked kernel. */
static const struct {
	const char *give, *guests, *unpacked;
} machines[] = {
	[IMAGE_FOR_X86_64] = {"give a PVH vmlinux or a bzImage", "x86-64", "vmlinux"},
	[IMAGE_FOR_ARM64] = {"give an arm64 Image", "arm64", "Image"},
};

/* Explains an Image inside an EFI program that unpacks it (Linux:
 * drivers/firmware/efi/libstub/zboot-header.S). */
static bool explain_zboot(struct bytes file, struct problem *problem)
{
	enum { PAYLOAD_OFFSET = 8, PAYLOAD_SIZE = 12, COMPRESSION = 24 };
	const char *unpack = compressed_command(file, COMPRESSION);

	if (unpack)
		return problem_set(problem,
				   "is an EFI zboot image (unpack it first: tail -c +%llu FILE | "
				   "head -c %u | %s >Image)",
				   get_le32(file.data + PAYLOAD_OFFSET) + 1ull,
				   get_le32(file.data + PAYLOAD_SIZE), unpack);
	return problem_set(
		problem,
		"is an EFI zboot image, compressed in a way that mayfly does not know (give "
		"an arm64 Image)");
}

/* Says why FILE is not a kernel for MACHINE. */
static bool explain(struct bytes file, enum image_machine machine, struct problem *problem)
{
	if (file.size == 0)
		return problem_set(problem, "is empty (%s)", machines[machine].give);
	for (size_t i = 0; i < sizeof(kernels) / sizeof(kernels[0]); i++)
		if (bytes_hold(file, kernels[i].offset, kernels[i].magic, kernels[i].length))
			return problem_set(problem, "is %s, which is no kernel for %s guests (%s)",
					   kernels[i].name, machines[machine].guests,
					   machines[machine].give);
	if (machine == IMAGE_FOR_ARM64 && bytes_hold(file, 0, "MZ", 2) &&
	    bytes_hold(file, 4, "zimg", 4))
		return explain_zboot(file, problem);
	if (compressed_explain(file, machines[machine].unpacked, problem))
		return false;
	for (size_t i = 0; i < sizeof(strangers) / sizeof(strangers[0]); i++)
		if (bytes_hold(file, strangers[i].offset, strangers[i].magic, strangers[i].length))
			return problem_set(problem, "is %s (%s)", strangers[i].name,
					   machines[machine].give);
	return problem_set(problem, "is no kernel that mayfly knows (%s)", machines[machine].give);
}

bool image_parse(struct bytes file, struct image_space space, struct image *image,
		 struct problem *problem)
{
	*image = (struct image){0};
	for (size_t i = 0; i < sizeof(kernels) / sizeof(kernels[0]); i++)
		if (kernels[i].machine == space.machine &&
		    bytes_hold(file, kernels[i].offset, kernels[i].magic, kernels[i].length))
			return kernels[i].parse(file, space, image, problem);
	return explain(file, space.machine, problem);
}

bool image_load(struct bytes file, const struct image *image, const struct ram *ram, image_put *put)
{
	for (unsigned i = 0; i < image->segment_count; i++) {
		const struct image_segment *segment = &image->segment[i];

		if (!bytes_have(file, segment->file_offset, segment->file_size) ||
		    !put(ram, GPA(segment->address), file.data + segment->file_offset,
			 segment->file_size))
			return false;
	}
	return true;
}

bool initrd_check(struct bytes file, struct problem *problem)
{
	if (file.size == 0)
		return problem_set(problem, "is empty (leave out -i, or give an initramfs)");
	if (compressed_known(file))
		return true;
	if (!bytes_hold(file, 0, "070701", 6) && !bytes_hold(file, 0, "070702", 6))
		return problem_set(problem, "is no initramfs (give a newc cpio archive: "
					    "find . | cpio -o -H newc)");
	return cpio_check(file, problem);
}
