/* The guest-physical map of an arm64 guest. Addresses are constants; only the end of RAM depends
 * on -m.
 *
 *   0x0000_0000  ┌──────────────────────┐
 *                │ nothing              │
 *   0x0800_0000  │ GIC distributor      │ 64 KiB
 *   0x0801_0000  │ GICv2 CPU interface  │ where the host has no GICv3
 *   0x0820_0000  │ GICv3 redistributors │ 128 KiB a CPU, 32 of them
 *   0x0900_0000  │ console              │ UART
 *   0x0900_1000  │ channel              │ UART
 *   0x0900_2000  │ clock                │ PL031
 *   0x0A00_0000  │ virtio-mmio          │ 4 KiB a device, 8 of them
 *                │ nothing              │
 *   0x4000_0000  ├──────────────────────┤
 *                │ device tree          │ 2 MiB; the tree needs a few KiB, and may not cross
 *                │                      │ a multiple of 2 MiB
 *   0x4020_0000  │ RAM: the kernel …    │
 *                │ … initrd at its end  │ as -m says, or below 33 GiB
 *                └──────────────────────┘
 */
#ifndef MAYFLY_AARCH64_LAYOUT_H
#define MAYFLY_AARCH64_LAYOUT_H

#include <stdint.h>

#include "machine/layout.h"

/* R(name, first address, bytes), ascending. */
#define LAYOUT_REGIONS(R)                               \
	R(GIC_DISTRIBUTOR, 0x08000000, 0x10000)         \
	R(GIC_CPU_INTERFACE, 0x08010000, 0x10000)       \
	R(GIC_REDISTRIBUTORS, 0x08200000, 32 * 0x20000) \
	R(CONSOLE, 0x09000000, 0x1000)                  \
	R(CHANNEL, 0x09001000, 0x1000)                  \
	R(CLOCK, 0x09002000, 0x1000)                    \
	R(VIRTIO, 0x0a000000, 8 * 0x1000)               \
	R(DEVICE_TREE, 0x40000000, 0x200000)            \
	R(RAM, 0x40200000, 0x1000000000 - 0x200000)

LAYOUT_REGIONS(LAYOUT_DEFINE)

/* Proven while compiling: each region ends before the next begins. */
enum { LAYOUT_REGIONS(LAYOUT_CHAIN) };
LAYOUT_FOLLOWS(GIC_DISTRIBUTOR, GIC_CPU_INTERFACE);
LAYOUT_FOLLOWS(GIC_CPU_INTERFACE, GIC_REDISTRIBUTORS);
LAYOUT_FOLLOWS(GIC_REDISTRIBUTORS, CONSOLE);
LAYOUT_FOLLOWS(CONSOLE, CHANNEL);
LAYOUT_FOLLOWS(CHANNEL, CLOCK);
LAYOUT_FOLLOWS(CLOCK, VIRTIO);
LAYOUT_FOLLOWS(VIRTIO, DEVICE_TREE);
LAYOUT_FOLLOWS(DEVICE_TREE, RAM);

/* Shared peripheral interrupts, counted from INTID 32. KVM wants a multiple of 32 of all kinds. */
enum { SPI_CONSOLE = 0, SPI_CHANNEL = 1, SPI_VIRTIO = 16, INTERRUPTS = 64 };

/* What one CPU needs of the redistributors, and what a GICv2 has of the other regions. */
enum {
	REDISTRIBUTOR_SIZE = 0x20000,
	GICV2_DISTRIBUTOR_SIZE = 0x1000,
	GICV2_CPU_INTERFACE_SIZE = 0x2000
};

/* What the architecture-neutral part needs to know. There is no hole: RAM is one range. */
#define ARCH_RAM LAYOUT_DEVICE_TREE /* where it begins */
#define ARCH_HOLE_START 0x1040000000u
#define ARCH_HOLE_END ARCH_HOLE_START
#define ARCH_GSI_CONSOLE SPI_CONSOLE
#define ARCH_GSI_CHANNEL SPI_CHANNEL
#define ARCH_GSI_VIRTIO SPI_VIRTIO /* of the first device; the others follow, one each */
#define ARCH_VIRTIO LAYOUT_VIRTIO  /* the same */
#define ARCH_VIRTIO_SIZE 0x1000u   /* from one device to the next */
#define ARCH_VIRTIO_DEVICES 8
#define ARCH_KERNELS IMAGE_FOR_ARM64

/* What to do when KVM is not there, or the CPU has nothing for it. */
#define ARCH_VM_HAS_WORKER false
#define ARCH_LOAD_KVM "use a kernel with CONFIG_KVM that was started at EL2 (dmesg | grep -i kvm)"
#define ARCH_ENABLE_KVM "this CPU or its firmware offers no virtualisation: EL2 is needed"

#endif
