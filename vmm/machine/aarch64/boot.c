/* Kernel, initrd and device tree into guest memory. */
#include "tables/arm64_tree.h"
#include "base/ram.h"
#include "kernel/cmdline.h"
#include "machine/load.h"

_Static_assert(SEED_SIZE == ARM64_SEED_SIZE, "one seed for the tree");
_Static_assert(ARCH_VIRTIO_DEVICES <= ARM64_VIRTIO_MAX, "a node for each device");

static bool make_cmdline(const struct boot_request *request, const struct image *image,
			 struct problem *problem)
{
	/* After a panic the guest asks PSCI for a warm reset (see end.c). */
	cmdline_add(request->cmdline, "reboot=panic_warm panic=-1");
	return load_finish_cmdline(request, image, problem);
}

static void describe_gic(const struct irqchip *irqchip, struct arm64_tree *tree)
{
	tree->gic_version = irqchip->version;
	if (irqchip->version == 2) {
		tree->distributor =
			(struct fdt_range){LAYOUT_GIC_DISTRIBUTOR, GICV2_DISTRIBUTOR_SIZE};
		tree->gic_cpus =
			(struct fdt_range){LAYOUT_GIC_CPU_INTERFACE, GICV2_CPU_INTERFACE_SIZE};
	} else {
		tree->distributor =
			(struct fdt_range){LAYOUT_GIC_DISTRIBUTOR, LAYOUT_GIC_DISTRIBUTOR_SIZE};
		tree->gic_cpus = (struct fdt_range){LAYOUT_GIC_REDISTRIBUTORS,
						    (uint64_t)tree->cpus * REDISTRIBUTOR_SIZE};
	}
}

static bool write_tree(const struct boot_request *request, const struct irqchip *irqchip,
		       const struct ram *ram, const struct placed_initrd *initrd)
{
	uint8_t out[ARM64_TREE_SIZE_MAX];
	struct arm64_tree tree = {
		.memory = {ram->range[0].base, ram->range[0].size},
		.cpus = request->cpus,
		.console = {LAYOUT_CONSOLE, LAYOUT_CONSOLE_SIZE, SPI_CONSOLE},
		.channel = {LAYOUT_CHANNEL, LAYOUT_CHANNEL_SIZE, SPI_CHANNEL},
		.clock = {LAYOUT_CLOCK, LAYOUT_CLOCK_SIZE},
		.virtio_count = request->devices,
		.bootargs = request->cmdline->text,
		.initrd = {initrd->address, initrd->size},
		.seed = request->seed,
	};

	describe_gic(irqchip, &tree);
	for (unsigned i = 0; i < request->devices; i++)
		tree.virtio[i] = (struct arm64_device){ARCH_VIRTIO + i * ARCH_VIRTIO_SIZE,
						       ARCH_VIRTIO_SIZE, ARCH_GSI_VIRTIO + i};
	size_t size = arm64_tree_build(&tree, out, sizeof(out));
	return size && ram_write(ram, GPA(LAYOUT_DEVICE_TREE), out, size);
}

bool arch_load(const struct boot_request *request, const struct ram *ram,
	       struct placed_initrd *initrd, struct boot_entry *entry, struct problem *problem)
{
	struct image image;

	*initrd = (struct placed_initrd){0};
	if (!load_kernel(request, LAYOUT_RAM, ram, &image, problem) ||
	    !load_initrd(request, ram, &image, initrd, problem) ||
	    !make_cmdline(request, &image, problem))
		return false;
	*entry =
		(struct boot_entry){image.entry, LAYOUT_DEVICE_TREE, image.format, image.page_size};
	return true;
}

bool arch_describe(const struct boot_request *request, const struct placed_initrd *initrd,
		   const struct irqchip *irqchip, const struct ram *ram, struct problem *problem)
{
	return write_tree(request, irqchip, ram, initrd) ||
	       problem_set(problem, "cannot write the device tree (this is a bug in mayfly: please "
				    "report it)");
}
