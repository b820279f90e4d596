/* Kernel, initrd and boot data into guest memory. */
#include "tables/acpi.h"
#include "base/text.h"
#include "kernel/bzimage.h"
#include "kernel/cmdline.h"
#include "machine/arch.h"
#include "machine/load.h"
#include "tables/gdt.h"
#include "tables/mptable.h"
#include "tables/page_tables.h"
#include "tables/start_info.h"

/* For kernels without ACPI (Linux: virtio_mmio.device=<size>@<address>:<irq>). */
static void name_devices(const struct boot_request *request)
{
	struct text word;

	for (unsigned i = 0; i < request->devices; i++) {
		text_set(&word, "virtio_mmio.device=4K@%#llx:%u",
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
	cmdline_add(request->cmdline, "reboot=k,panic_warm panic=-1 pci=off");
	if (image->format == IMAGE_PVH)
		cmdline_add(request->cmdline, "random.trust_cpu=on");
	name_devices(request);
	return load_finish_cmdline(request, image, problem) &&
	       ram_write(ram, GPA(LAYOUT_CMDLINE), request->cmdline->text,
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
	// cppcheck-suppress uninitvar ; acpi_build writes to it
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

static uint64_t all_ram_size(const struct ram *ram)
{
	return ram->range[0].size + ram->range[1].size;
}

static bool write_boot_data(const struct boot_request *request, const struct ram *ram,
			    const struct image *image, const struct placed_initrd *initrd,
			    struct boot_entry *entry)
{
	struct memmap map;

	layout_memmap(all_ram_size(ram), &map);
	entry->entry = image->entry;
	entry->mode = image->format;
	bool written = image->format == IMAGE_PVH
			       ? write_start_info(ram, initrd, &map, entry)
			       : write_zero_page(ram, image, initrd, &map, request->seed, entry);
	return written && gdt_write(ram, LAYOUT_GDT, image->format == IMAGE_BZIMAGE);
}

static bool cannot_write(struct problem *problem)
{
	return problem_set(
		problem, "cannot write the boot data (this is a bug in mayfly: please report it)");
}

bool arch_load(const struct boot_request *request, const struct ram *ram,
	       struct placed_initrd *initrd, struct boot_entry *entry, struct problem *problem)
{
	struct image image;

	*initrd = (struct placed_initrd){0};
	return load_kernel(request, LAYOUT_RAM_LOW, ram, &image, problem) &&
	       load_initrd(request, ram, &image, initrd, problem) &&
	       load_cmdline(request, ram, &image, problem) &&
	       (write_boot_data(request, ram, &image, initrd, entry) || cannot_write(problem));
}

bool arch_describe(const struct boot_request *request, const struct placed_initrd *initrd,
		   const struct irqchip *irqchip, const struct ram *ram, struct problem *problem)
{
	(void)initrd, (void)irqchip;
	return write_tables(ram, request->cpus, request->devices) || cannot_write(problem);
}
