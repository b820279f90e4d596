/* The Linux/arm64 boot protocol: Documentation/arch/arm64/booting.rst, §4. */
#include "kernel/image.h"

#define ALIGNMENT 0x200000u

/* Offsets in the header, and its size. */
enum { TEXT_OFFSET = 8, IMAGE_SIZE = 16, FLAGS = 24, HEADER_SIZE = 64 };

enum { FLAG_BIG_ENDIAN = 1 << 0, PAGE_SIZE_SHIFT = 1, PAGE_SIZE_MASK = 3 };

/* The initrd must lie in the same window of 32 GiB as the kernel. The window begins at a multiple
 * of 1 GiB. */
#define INITRD_WINDOW (32ull << 30)
#define WINDOW_ALIGNMENT (1ull << 30)

static bool check_header(struct bytes file, struct problem *problem)
{
	if (!bytes_have(file, 0, HEADER_SIZE))
		return problem_set(problem, "is cut short in its header (copy it again)");
	if (get_le64(file.data + IMAGE_SIZE) == 0)
		return problem_set(
			problem,
			"does not say how much memory it needs (Linux 4.2 or newer can be booted)");
	if (get_le64(file.data + FLAGS) & FLAG_BIG_ENDIAN)
		return problem_set(
			problem,
			"is a big-endian kernel (build it with CONFIG_CPU_BIG_ENDIAN off)");
	if (get_le64(file.data + TEXT_OFFSET) >= ALIGNMENT)
		return problem_set(problem,
				   "has a text_offset of 2 MiB or more (the file is damaged)");
	return true;
}

/* Uses the lowest place, whatever flag bit 3 says, because older kernels cannot use memory below
 * themselves. */
bool arm64_image_parse(struct bytes file, struct image_space space, struct image *image,
		       struct problem *problem)
{
	if (!check_header(file, problem))
		return false;

	static const uint32_t page_sizes[] = {0, 4096, 16384, 65536};
	uint64_t address = space.start + get_le64(file.data + TEXT_OFFSET);
	uint64_t size = get_le64(file.data + IMAGE_SIZE);
	/* What is behind the kernel proper, a signature, say, is copied with it. */
	if (size < file.size)
		size = file.size; /* includes bytes after the kernel, such as a signature */
	if (address > space.end || size > space.end - address)
		return problem_set(problem,
				   "needs %llu KiB at 0x%llx and the guest's memory ends at 0x%llx "
				   "(give it more with -m)",
				   (unsigned long long)(size / 1024 + !!(size % 1024)),
				   (unsigned long long)address, (unsigned long long)space.end);
	image->format = IMAGE_ARM64;
	image->entry = address;
	image->end = address + size;
	image->initrd_max = (address & -WINDOW_ALIGNMENT) + INITRD_WINDOW - 1;
	image->cmdline_max = 2047; /* COMMAND_LINE_SIZE, the NUL not counted */
	image->page_size =
		page_sizes[get_le64(file.data + FLAGS) >> PAGE_SIZE_SHIFT & PAGE_SIZE_MASK];
	image->segment_count = 1;
	image->segment[0] = (struct image_segment){
		.file_offset = 0,
		.file_size = file.size,
		.address = address,
		.memory_size = size,
	};
	return true;
}
