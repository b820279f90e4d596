/* The arm64 memory map: that nothing lies on anything else, and what others ask of it. */
#include "arch_layout.h"

#include <linux/virtio_blk.h>

#include "tables/arm64_tree.h"
#include "base/config.h"
#include "kernel/image.h"
#include "devices/pl031.h"
#include "regions.h"
#include "devices/uart16550.h"

static const struct region regions[] = {LAYOUT_REGIONS(REGION)};

/* The largest pages a host may have. */
#define HOST_PAGE (64 * KIB)

static void regions_do_not_overlap(void **state)
{
	(void)state;
	assert_disjoint(regions, COUNT(regions));
}

/* A page each, for kernels map registers a page at a time. */
static void regions_share_no_pages(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(regions); i++) {
		assert_each(regions[i].first % PAGE == 0, regions[i].name, regions[i].first);
		assert_each(regions[i].size % PAGE == 0, regions[i].name, regions[i].size);
	}
}

/* Documentation/virt/kvm/devices/arm-vgic-v3.rst: KVM_VGIC_V3_ADDR_TYPE_DIST is 64 KiB aligned
 * and covers 64 KiB, KVM_VGIC_V3_ADDR_TYPE_REDIST is 64 KiB aligned and covers 128 KiB a vCPU. */
static void a_gicv3(void **state)
{
	(void)state;
	assert_true(LAYOUT_GIC_DISTRIBUTOR % (64 * KIB) == 0);
	assert_true(LAYOUT_GIC_DISTRIBUTOR_SIZE == 64 * KIB);
	assert_true(LAYOUT_GIC_REDISTRIBUTORS % (64 * KIB) == 0);
	assert_true(REDISTRIBUTOR_SIZE == 128 * KIB);
	assert_true(LAYOUT_GIC_REDISTRIBUTORS_SIZE == 32 * 128 * KIB);
}

/* Documentation/virt/kvm/devices/arm-vgic.rst: KVM_VGIC_V2_ADDR_TYPE_DIST is 4 KiB aligned and
 * covers 4 KiB, KVM_VGIC_V2_ADDR_TYPE_CPU 8 KiB. The latter is real hardware, which KVM maps in
 * pages of the host's. */
static void a_gicv2(void **state)
{
	(void)state;
	assert_true(GICV2_DISTRIBUTOR_SIZE == 4 * KIB);
	assert_true(GICV2_CPU_INTERFACE_SIZE == 8 * KIB);
	assert_true(GICV2_DISTRIBUTOR_SIZE <= LAYOUT_GIC_DISTRIBUTOR_SIZE);
	assert_true(GICV2_CPU_INTERFACE_SIZE <= LAYOUT_GIC_CPU_INTERFACE_SIZE);
	assert_true(LAYOUT_GIC_CPU_INTERFACE % HOST_PAGE == 0);
	assert_true(LAYOUT_GIC_CPU_INTERFACE_SIZE % HOST_PAGE == 0);
}

/* Documentation/arch/arm64/booting.rst: §2, §4 */
static void what_the_kernel_asks_for(void **state)
{
	(void)state;
	/* "must not exceed 2 megabytes", "mapped … using blocks of up to 2 megabytes" */
	assert_true(LAYOUT_DEVICE_TREE % (2 * MIB) == 0);
	assert_true(LAYOUT_DEVICE_TREE_SIZE <= 2 * MIB);
	assert_true(ARM64_TREE_SIZE_MAX <= LAYOUT_DEVICE_TREE_SIZE);
	/* "a 2MB aligned base address", "as close as possible to the start of system RAM" */
	assert_true(LAYOUT_RAM % (2 * MIB) == 0);
	assert_true(LAYOUT_RAM - ARCH_RAM == 2 * MIB);
	assert_int_equal(ARCH_KERNELS, IMAGE_FOR_ARM64);
}

/* From ARCH_RAM up, without a hole: all that -m can ask for. */
static void memory(void **state)
{
	(void)state;
	assert_true(ARCH_RAM == LAYOUT_DEVICE_TREE);
	assert_true(ARCH_RAM % HOST_PAGE == 0);
	assert_true(ARCH_HOLE_START - ARCH_RAM == 64 * GIB);
	assert_true(ARCH_HOLE_START == ARCH_HOLE_END);
	assert_true(LAYOUT_DEVICE_TREE + LAYOUT_DEVICE_TREE_SIZE == LAYOUT_RAM);
	assert_true(LAYOUT_RAM + LAYOUT_RAM_SIZE == ARCH_HOLE_START);
	/* KVM_VM_TYPE_ARM_IPA_SIZE 0: guest-physical addresses have 40 bits. */
	assert_true(ARCH_HOLE_END <= (uint64_t)1 << 40);
}

/* Below memory, where 32 bits reach. */
static void devices_lie_below_memory(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(regions); i++)
		if (regions[i].first != LAYOUT_DEVICE_TREE && regions[i].first != LAYOUT_RAM)
			assert_each(regions[i].first + regions[i].size <= ARCH_RAM, regions[i].name,
				    regions[i].first);
	assert_true(ARCH_RAM < 4 * GIB);
}

static void regions_hold_what_is_put_there(void **state)
{
	(void)state;
	assert_true(UART_REGISTERS <= LAYOUT_CONSOLE_SIZE && UART_REGISTERS <= LAYOUT_CHANNEL_SIZE);
	assert_true(PL031_SIZE <= LAYOUT_CLOCK_SIZE);
	assert_true(ARCH_VIRTIO == LAYOUT_VIRTIO);
	assert_true(ARCH_VIRTIO_DEVICES * ARCH_VIRTIO_SIZE <= LAYOUT_VIRTIO_SIZE);
	assert_true(ARCH_VIRTIO_DEVICES >= DEVICES_MAX && ARM64_VIRTIO_MAX >= DEVICES_MAX);
	assert_true(ARCH_VIRTIO_SIZE % PAGE == 0);
	/* Registers, and configuration space from 0x100 (virtio 1.2 §4.2.2). */
	assert_true(ARCH_VIRTIO_SIZE >= 0x100 + sizeof(struct virtio_blk_config));
}

/* KVM_DEV_ARM_VGIC_GRP_NR_IRQS: 64 to 1024, a multiple of 32; 32 of them are each CPU's own. */
static void interrupts(void **state)
{
	unsigned spi[2 + ARCH_VIRTIO_DEVICES] = {ARCH_GSI_CONSOLE, ARCH_GSI_CHANNEL};

	(void)state;
	assert_true(INTERRUPTS >= 64 && INTERRUPTS <= 1024 && INTERRUPTS % 32 == 0);
	for (unsigned i = 0; i < ARCH_VIRTIO_DEVICES; i++)
		spi[2 + i] = ARCH_GSI_VIRTIO + i;
	for (unsigned i = 0; i < COUNT(spi); i++) {
		assert_each(spi[i] < INTERRUPTS - 32, "no such interrupt", spi[i]);
		for (unsigned j = 0; j < i; j++)
			assert_each(spi[i] != spi[j], "two devices have interrupt", spi[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(regions_do_not_overlap),
		cmocka_unit_test(regions_share_no_pages),
		cmocka_unit_test(a_gicv3),
		cmocka_unit_test(a_gicv2),
		cmocka_unit_test(what_the_kernel_asks_for),
		cmocka_unit_test(memory),
		cmocka_unit_test(devices_lie_below_memory),
		cmocka_unit_test(regions_hold_what_is_put_there),
		cmocka_unit_test(interrupts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
