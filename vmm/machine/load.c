#include "machine/load.h"

#include "archive/cpio.h"
#include "archive/job.h"
#include "base/ram.h"
#include "base/report.h"
#include "files/files.h"
#include "kernel/cmdline.h"

#define PAGE_SIZE 4096

static uint64_t low_ram_end(const struct ram *ram)
{
	return ram->range[0].base + ram->range[0].size;
}

bool load_kernel(const struct boot_request *request, uint64_t lowest, const struct ram *ram,
		 struct image *image, struct problem *problem)
{
	struct image_space space = {lowest, low_ram_end(ram), ARCH_KERNELS};

	if (!image_parse(request->kernel, space, image, problem))
		return problem_prefix(problem, "cannot boot %s: it ", request->kernel_name);
	if (!image_load(request->kernel, image, ram, request->kernel_stays ? ram_place : ram_write))
		return problem_set(problem,
				   "cannot load %s: it does not fit (give the guest more memory "
				   "with -m)",
				   request->kernel_name);
	return true;
}

/* What follows the user's initrd; the kernel unpacks it over that. */
static bool write_segment(const struct boot_request *request, struct cpio *cpio,
			  struct problem *problem)
{
	cpio_data(cpio, request->packed.data, request->packed.size);
	cpio_end(cpio);
	job_write_init(cpio, request->job);
	if (!files_write(request->files, cpio, problem))
		return false;
	job_write_file(cpio, request->job);
	return cpio_finish(cpio) ||
	       problem_set(problem, "cannot put the initrd together (free some memory)");
}

/* Where a segment goes. */
struct place {
	const struct ram *ram;
	uint64_t address;
};

static bool put(void *context, uint64_t offset, const void *data, size_t size)
{
	const struct place *place = context;

	return ram_write(place->ram, GPA(place->address + offset), data, size);
}

static bool write_initrd(const struct boot_request *request, const struct ram *ram,
			 uint64_t address, uint64_t segment, struct problem *problem)
{
	struct place place = {ram, address + segment};
	struct cpio cpio = {.write = put, .context = &place};

	image_put *put_initrd = request->initrd_stays ? ram_place : ram_write;

	/* It fits: that was measured. But the host may have no memory for a mapping. */
	if (!put_initrd(ram, GPA(address), request->initrd.data, request->initrd.size))
		return problem_set(problem, "cannot put %s into the guest (free some memory)",
				   request->initrd_name);
	return !request->job || write_segment(request, &cpio, problem);
}

/* As high as it may be: the kernel unpacks itself from below. */
bool load_initrd(const struct boot_request *request, const struct ram *ram,
		 const struct image *image, struct placed_initrd *initrd, struct problem *problem)
{
	uint64_t segment = align_up(request->initrd.size, 4);
	struct cpio measured = {0};
	uint64_t top = low_ram_end(ram);

	if (request->initrd_name && !initrd_check(request->initrd, problem))
		return problem_prefix(problem, "cannot use %s as initrd: it ",
				      request->initrd_name);
	if (request->job && !write_segment(request, &measured, problem))
		return false;
	initrd->size = request->job ? segment + measured.size : request->initrd.size;
	if (initrd->size == 0)
		return true;
	if (top > image->initrd_max)
		top = image->initrd_max + 1;
	/* Each alone first: the sum may have wrapped. */
	if (request->initrd.size > top || initrd->size > top ||
	    ((top - initrd->size) & -(uint64_t)PAGE_SIZE) < image->end)
		return problem_set(problem,
				   "the initrd needs %llu KiB and the kernel leaves %llu KiB (give "
				   "the guest more memory with -m)",
				   (unsigned long long)(initrd->size + 1023) >> 10,
				   (unsigned long long)(top > image->end ? top - image->end : 0) >>
					   10);
	initrd->address = (top - initrd->size) & -(uint64_t)PAGE_SIZE;
	return write_initrd(request, ram, initrd->address, segment, problem);
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
