#include "load.h"

#include <stdlib.h>

#define PAGE_SIZE 4096

static uint64_t low_ram_end(const struct ram *ram)
{
	return ram->range[0].base + ram->range[0].size;
}

bool load_kernel(const struct boot_request *request, uint64_t lowest, const struct ram *ram,
		 struct image *image, struct problem *problem)
{
	struct image_space space = {lowest, low_ram_end(ram), ARCH_KERNELS};
	struct problem what;

	if (!image_parse(request->kernel, space, image, &what))
		return problem_set(problem, "cannot boot %s: it %s", request->kernel_name,
				   what.text);
	if (!image_load(request->kernel, image, ram))
		return problem_set(problem,
				   "cannot load %s: it does not fit (give the guest more memory "
				   "with -m)",
				   request->kernel_name);
	return true;
}

/* The user's initrd, then the job's segment, which the kernel unpacks over it. */
static bool write_initrd(const struct boot_request *request, const struct ram *ram,
			 uint64_t address, uint64_t job_offset, size_t job_bytes)
{
	uint8_t *segment;
	bool fits = ram_write(ram, GPA(address), request->initrd.data, request->initrd.size);

	if (!request->job)
		return fits;
	segment = malloc(job_bytes);
	if (!segment)
		return false;
	job_build(request->job, segment, job_bytes);
	fits = fits && ram_write(ram, GPA(address + job_offset), segment, job_bytes);
	free(segment);
	return fits;
}

/* As high as it may be: the kernel unpacks itself from below. */
bool load_initrd(const struct boot_request *request, const struct ram *ram,
		 const struct image *image, struct placed_initrd *initrd, struct problem *problem)
{
	uint64_t job_offset = align_up(request->initrd.size, 4);
	size_t job_bytes = request->job ? job_size(request->job) : 0;
	uint64_t top = low_ram_end(ram);
	struct problem what;

	if (request->initrd_name && !initrd_check(request->initrd, &what))
		return problem_set(problem, "cannot use %s as initrd: it %s", request->initrd_name,
				   what.text);
	initrd->size = request->job ? job_offset + job_bytes : request->initrd.size;
	if (initrd->size == 0)
		return true;
	if (top > image->initrd_max)
		top = image->initrd_max + 1;
	if (initrd->size > top || ((top - initrd->size) & -(uint64_t)PAGE_SIZE) < image->end)
		return problem_set(problem,
				   "the initrd needs %llu KiB and the kernel leaves %llu KiB (give "
				   "the guest more memory with -m)",
				   (unsigned long long)(initrd->size + 1023) >> 10,
				   (unsigned long long)(top > image->end ? top - image->end : 0) >>
					   10);
	initrd->address = (top - initrd->size) & -(uint64_t)PAGE_SIZE;
	if (!write_initrd(request, ram, initrd->address, job_offset, job_bytes))
		return problem_set(problem, "cannot put the initrd together (free some memory)");
	return true;
}

bool load_finish_cmdline(const struct boot_request *request, const struct image *image,
			 struct problem *problem)
{
	cmdline_add(request->cmdline, request->append);
	if (cmdline_fits(request->cmdline, image->cmdline_max))
		return true;
	return problem_set(
		problem, "the kernel command line has %zu bytes and %s takes %u (make -a shorter)",
		request->cmdline->length, request->kernel_name, image->cmdline_max);
}
