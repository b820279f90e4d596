/* Kernel, initrd and boot data into guest memory. */
#include "acpi.h"
#include "arch.h"
#include "bzimage.h"
#include "gdt.h"
#include "image.h"
#include "mptable.h"
#include "page_tables.h"
#include "start_info.h"

#include <stdlib.h>
#include <string.h>

#define PAGE_SIZE 4096

struct placed_initrd {
	uint64_t address, size;
};

static uint64_t low_ram_end(const struct ram *ram)
{
	return ram->range[0].base + ram->range[0].size;
}

static uint64_t all_ram_size(const struct ram *ram)
{
	return ram->range[0].size + ram->range[1].size;
}

static bool load_kernel(const struct boot_request *request, const struct ram *ram,
			struct image *image, struct problem *problem)
{
	struct image_space space = {LAYOUT_RAM_LOW, low_ram_end(ram)};
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
static bool load_initrd(const struct boot_request *request, const struct ram *ram,
			const struct image *image, struct placed_initrd *initrd,
			struct problem *problem)
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

/* For kernels without ACPI (Linux: virtio_mmio.device=<size>@<address>:<irq>). */
static void name_devices(const struct boot_request *request)
{
	struct problem word; /* any text will do */

	for (unsigned i = 0; i < request->devices; i++) {
		problem_set(&word, "virtio_mmio.device=4K@%#llx:%u",
			    (unsigned long long)(ARCH_VIRTIO + i * ARCH_VIRTIO_SIZE),
			    ARCH_GSI_VIRTIO + i);
		cmdline_add(request->cmdline, word.text);
	}
}

static bool load_cmdline(const struct boot_request *request, const struct ram *ram,
			 const struct image *image, struct problem *problem)
{
	/* Reset through the keyboard controller, so that a reboot is not taken for a crash; a panic
	 * leaves its mark in the BIOS reset flag (see machine.c). */
	cmdline_add(request->cmdline, "console=ttyS0 reboot=k,panic_warm panic=-1");
	if (image->format == IMAGE_PVH)
		cmdline_add(request->cmdline, "random.trust_cpu=on");
	name_devices(request);
	cmdline_add(request->cmdline, request->append);
	if (!cmdline_fits(request->cmdline, image->cmdline_max))
		return problem_set(problem,
				   "the kernel command line has %zu bytes and %s takes %u (make -a "
				   "shorter)",
				   request->cmdline->length, request->kernel_name,
				   image->cmdline_max);
	return ram_write(ram, GPA(LAYOUT_CMDLINE), request->cmdline->text,
			 request->cmdline->length + 1);
}

static bool write_tables(const struct ram *ram, unsigned cpus, unsigned devices)
{
	uint8_t out[ACPI_SIZE_MAX];
	struct acpi acpi = {
		.address = LAYOUT_ACPI,
		.cpus = cpus,
		.lapic = (uint32_t)LAYOUT_LAPIC,
		.ioapic = (uint32_t)LAYOUT_IOAPIC,
		.reset_port = (uint16_t)(LAYOUT_POWER + POWER_RESET),
		.reset_value = POWER_RESET_VALUE,
		.sleep_control_port = (uint16_t)(LAYOUT_POWER + POWER_SLEEP_CONTROL),
		.uart_count = 2,
		.uart = {{(uint16_t)LAYOUT_COM1, GSI_COM1}, {(uint16_t)LAYOUT_COM2, GSI_COM2}},
		.virtio_count = devices,
	};
	const struct mptable mptable = {
		.address = (uint32_t)LAYOUT_MPTABLE,
		.cpus = cpus,
		.gsis = GSI_COUNT,
		.lapic = (uint32_t)LAYOUT_LAPIC,
		.ioapic = (uint32_t)LAYOUT_IOAPIC,
	};

	_Static_assert(MPTABLE_SIZE_MAX <= ACPI_SIZE_MAX, "one buffer serves both");
	for (unsigned i = 0; i < devices; i++)
		acpi.virtio[i] = (struct acpi_virtio){
			(uint32_t)ARCH_VIRTIO + i * ARCH_VIRTIO_SIZE,
			ARCH_VIRTIO_SIZE,
			ARCH_GSI_VIRTIO + i,
		};
	return ram_write(ram, GPA(LAYOUT_ACPI), out, acpi_build(&acpi, out)) &&
	       ram_write(ram, GPA(LAYOUT_MPTABLE), out, mptable_build(&mptable, out));
}

static bool write_start_info(const struct ram *ram, const struct placed_initrd *initrd,
			     const struct memmap *map, struct boot_entry *entry)
{
	uint8_t out[START_INFO_SIZE];
	const struct start_info fields = {
		.address = LAYOUT_START_INFO,
		.cmdline = LAYOUT_CMDLINE,
		.initrd = initrd->address,
		.initrd_size = initrd->size,
		.rsdp = LAYOUT_ACPI,
		.map = map,
	};

	entry->argument = LAYOUT_START_INFO;
	start_info_build(&fields, out);
	return ram_write(ram, GPA(LAYOUT_START_INFO), out, sizeof(out));
}

static bool write_zero_page(const struct ram *ram, const struct image *image,
			    const struct placed_initrd *initrd, const struct memmap *map,
			    const uint8_t *seed, struct boot_entry *entry)
{
	uint8_t setup_data[SETUP_DATA_SIZE], page[ZERO_PAGE_SIZE];
	const struct zero_page fields = {
		.cmdline = LAYOUT_CMDLINE,
		.initrd = initrd->address,
		.initrd_size = initrd->size,
		.rsdp = LAYOUT_ACPI,
		.setup_data = LAYOUT_SETUP_DATA,
		.map = map,
	};

	entry->argument = LAYOUT_ZERO_PAGE;
	setup_data_build(seed, setup_data);
	zero_page_build(image, &fields, page);
	return ram_write(ram, GPA(LAYOUT_SETUP_DATA), setup_data, sizeof(setup_data)) &&
	       ram_write(ram, GPA(LAYOUT_ZERO_PAGE), page, sizeof(page)) &&
	       page_tables_write(ram, LAYOUT_PAGE_TABLES);
}

bool arch_load(const struct boot_request *request, const struct ram *ram, struct boot_entry *entry,
	       struct problem *problem)
{
	struct image image;
	struct placed_initrd initrd = {0};
	struct memmap map;

	if (!load_kernel(request, ram, &image, problem) ||
	    !load_initrd(request, ram, &image, &initrd, problem) ||
	    !load_cmdline(request, ram, &image, problem))
		return false;
	layout_memmap(all_ram_size(ram), &map);
	entry->entry = image.entry;
	entry->mode = image.format;
	bool written = image.format == IMAGE_PVH
			       ? write_start_info(ram, &initrd, &map, entry)
			       : write_zero_page(ram, &image, &initrd, &map, request->seed, entry);
	if (!written || !write_tables(ram, request->cpus, request->devices) ||
	    !gdt_write(ram, LAYOUT_GDT, image.format == IMAGE_BZIMAGE))
		return problem_set(problem,
				   "cannot write the boot data (this is a bug of mayfly's: please "
				   "report it)");
	return true;
}
