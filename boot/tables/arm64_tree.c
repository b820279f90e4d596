/* The bindings are Linux's: Documentation/devicetree/bindings. */
#include "tables/arm64_tree.h"

#include "base/report.h"
#include "base/text.h"

enum { GIC_PHANDLE = 1, BUS_CLOCK_PHANDLE = 2 };

/* Interrupt specifiers: type, number, flags (arm,gic.yaml). */
enum { SPI = 0, PPI = 1 };
enum { EDGE_RISING = 1, LEVEL_HIGH = 4 };

#define UART_CLOCK 1843200u
#define BUS_CLOCK 24000000u
#define UART_FIFO 64u
#define KASLR_SEED_SIZE 8

uint32_t arm64_mpidr(unsigned index)
{
	return (index & 15) | (uint32_t)(index >> 4) << 8;
}

static void put_root(struct fdt *fdt)
{
	fdt_string(fdt, "compatible", "linux,dummy-virt");
	fdt_string(fdt, "model", "mayfly");
	fdt_u32(fdt, "#address-cells", 2);
	fdt_u32(fdt, "#size-cells", 2);
	fdt_u32(fdt, "interrupt-parent", GIC_PHANDLE);
}

/* The path of a device's node, for references from other nodes. */
static void put_path(struct fdt *fdt, const char *property, const struct arm64_device *device)
{
	struct text path;

	text_set(&path, "/serial@%llx", (unsigned long long)device->address);
	fdt_string(fdt, property, path.text);
}

/* Fixes ttyS0 and ttyS1, whichever UART the kernel finds first. */
static void put_aliases(struct fdt *fdt, const struct arm64_tree *tree)
{
	fdt_node(fdt, "aliases");
	put_path(fdt, "serial0", &tree->console);
	put_path(fdt, "serial1", &tree->channel);
	fdt_end(fdt);
}

/* Two independent seeds: the one that places the kernel does not feed its random number
 * generator. */
static void put_chosen(struct fdt *fdt, const struct arm64_tree *tree)
{
	fdt_node(fdt, "chosen");
	fdt_string(fdt, "bootargs", tree->bootargs);
	put_path(fdt, "stdout-path", &tree->console);
	if (tree->initrd.size) {
		fdt_u64(fdt, "linux,initrd-start", tree->initrd.address);
		fdt_u64(fdt, "linux,initrd-end", tree->initrd.address + tree->initrd.size);
	}
	fdt_property(fdt, "kaslr-seed", tree->seed, KASLR_SEED_SIZE);
	fdt_property(fdt, "rng-seed", tree->seed + KASLR_SEED_SIZE,
		     ARM64_SEED_SIZE - KASLR_SEED_SIZE);
	fdt_end(fdt);
}

static void put_memory(struct fdt *fdt, const struct arm64_tree *tree)
{
	fdt_node_at(fdt, "memory", tree->memory.address);
	fdt_string(fdt, "device_type", "memory");
	fdt_reg(fdt, &tree->memory, 1);
	fdt_end(fdt);
}

static void put_cpus(struct fdt *fdt, const struct arm64_tree *tree)
{
	fdt_node(fdt, "cpus");
	fdt_u32(fdt, "#address-cells", 1);
	fdt_u32(fdt, "#size-cells", 0);
	for (unsigned i = 0; i < tree->cpus; i++) {
		fdt_node_at(fdt, "cpu", arm64_mpidr(i));
		fdt_string(fdt, "device_type", "cpu");
		fdt_string(fdt, "compatible", "arm,armv8");
		fdt_string(fdt, "enable-method", "psci");
		fdt_u32(fdt, "reg", arm64_mpidr(i));
		fdt_end(fdt);
	}
	fdt_end(fdt);
}

static void put_psci(struct fdt *fdt)
{
	static const char compatible[] = "arm,psci-1.0\0arm,psci-0.2";

	fdt_node(fdt, "psci");
	fdt_property(fdt, "compatible", compatible, sizeof(compatible));
	fdt_string(fdt, "method", "hvc");
	fdt_end(fdt);
}

/* For a GICv2, the flags of a per-CPU interrupt name its CPUs (at most 8). */
static uint32_t ppi_flags(const struct arm64_tree *tree)
{
	return LEVEL_HIGH | (tree->gic_version == 2 ? ((1u << tree->cpus) - 1) << 8 : 0);
}

static void put_gic(struct fdt *fdt, const struct arm64_tree *tree)
{
	const struct fdt_range registers[] = {tree->distributor, tree->gic_cpus};

	fdt_node_at(fdt, "interrupt-controller", tree->distributor.address);
	fdt_string(fdt, "compatible", tree->gic_version == 2 ? "arm,cortex-a15-gic" : "arm,gic-v3");
	fdt_property(fdt, "interrupt-controller", NULL, 0);
	fdt_u32(fdt, "#interrupt-cells", 3);
	fdt_u32(fdt, "#address-cells", 0);
	fdt_reg(fdt, registers, 2);
	fdt_u32(fdt, "phandle", GIC_PHANDLE);
	fdt_end(fdt);
}

/* Secure, non-secure, virtual, hypervisor (Arm BSA §3.7); a guest uses the virtual one. */
static void put_timer(struct fdt *fdt, const struct arm64_tree *tree)
{
	static const uint32_t numbers[] = {13, 14, 11, 10};
	uint32_t cells[12];

	for (unsigned i = 0; i < 4; i++) {
		cells[3 * i] = PPI;
		cells[3 * i + 1] = numbers[i];
		cells[3 * i + 2] = ppi_flags(tree);
	}
	fdt_node(fdt, "timer");
	fdt_string(fdt, "compatible", "arm,armv8-timer");
	fdt_cells(fdt, "interrupts", cells, 12);
	fdt_property(fdt, "always-on", NULL, 0);
	fdt_end(fdt);
}

/* Puts the properties that every device has. The caller adds its own and ends the node. */
static void put_device(struct fdt *fdt, const char *name, const char *compatible,
		       const struct arm64_device *device)
{
	const struct fdt_range registers = {device->address, device->size};
	const uint32_t interrupt[] = {SPI, device->spi, EDGE_RISING};

	fdt_node_at(fdt, name, device->address);
	fdt_string(fdt, "compatible", compatible);
	fdt_reg(fdt, &registers, 1);
	fdt_cells(fdt, "interrupts", interrupt, 3);
}

static void put_uart(struct fdt *fdt, const struct arm64_device *uart)
{
	put_device(fdt, "serial", "ns16550a", uart);
	fdt_u32(fdt, "clock-frequency", UART_CLOCK);
	fdt_u32(fdt, "fifo-size", UART_FIFO);
	fdt_u32(fdt, "tx-threshold", 0); /* an empty FIFO takes UART_FIFO bytes at once */
	fdt_end(fdt);
}

/* The binding requires a bus clock, which nothing uses. */
static void put_clock(struct fdt *fdt, const struct fdt_range *registers)
{
	static const char compatible[] = "arm,pl031\0arm,primecell";

	fdt_node(fdt, "bus-clock");
	fdt_string(fdt, "compatible", "fixed-clock");
	fdt_u32(fdt, "#clock-cells", 0);
	fdt_u32(fdt, "clock-frequency", BUS_CLOCK);
	fdt_u32(fdt, "phandle", BUS_CLOCK_PHANDLE);
	fdt_end(fdt);
	fdt_node_at(fdt, "rtc", registers->address);
	fdt_property(fdt, "compatible", compatible, sizeof(compatible));
	fdt_reg(fdt, registers, 1);
	fdt_u32(fdt, "clocks", BUS_CLOCK_PHANDLE);
	fdt_string(fdt, "clock-names", "apb_pclk");
	fdt_end(fdt);
}

static void put_virtio(struct fdt *fdt, const struct arm64_device *device)
{
	put_device(fdt, "virtio_mmio", "virtio,mmio", device);
	fdt_property(fdt, "dma-coherent", NULL, 0);
	fdt_end(fdt);
}

size_t arm64_tree_build(const struct arm64_tree *tree, uint8_t *out, size_t capacity)
{
	struct fdt fdt;

	fdt_begin(&fdt, out, capacity);
	put_root(&fdt);
	put_aliases(&fdt, tree);
	put_chosen(&fdt, tree);
	put_memory(&fdt, tree);
	put_cpus(&fdt, tree);
	put_psci(&fdt);
	put_gic(&fdt, tree);
	put_timer(&fdt, tree);
	put_uart(&fdt, &tree->console);
	put_uart(&fdt, &tree->channel);
	put_clock(&fdt, &tree->clock);
	for (unsigned i = 0; i < tree->virtio_count; i++)
		put_virtio(&fdt, &tree->virtio[i]);
	return fdt_finish(&fdt);
}
