/* The guest-physical map of an x86-64 guest. Addresses are constants; only the two ends of RAM
 * depend on -m.
 *
 *   0x0000_0000  ┌──────────────────────┐
 *   0x0000_0472  │ the BIOS reset flag  │ 0x1234: the kernel panicked (reboot=panic_warm)
 *   0x0000_0500  │ GDT                  │ 256 bytes
 *   0x0000_6000  │ hvm_start_info       │ PVH
 *   0x0000_7000  │ zero page            │ bzImage
 *   0x0000_8000  │ setup_data           │ bzImage
 *   0x0000_9000  │ page tables          │ bzImage: 4 GiB mapped one to one
 *   0x0002_0000  │ command line         │ 64 KiB
 *   0x0003_0000  │ free                 │ the kernel's real-mode trampoline
 *   0x0009_FC00  │ reserved             │ where a BIOS keeps its data
 *   0x000A_0000  │ nothing              │ where a VGA adapter would be, and ROMs
 *   0x000E_0000  │ ACPI tables          │ reserved
 *   0x000F_0000  │ MP table             │ reserved
 *   0x0010_0000  │ RAM: the kernel …    │
 *                │ … initrd at its end  │ up to 3 GiB, or as -m says
 *   0xC000_0000  ├──────────────────────┤ the hole
 *   0xE000_0000  │ virtio-mmio          │ 4 KiB a device, 8 of them
 *   0xFEC0_0000  │ I/O APIC             │ 4 KiB
 *   0xFEE0_0000  │ local APICs          │ 4 KiB
 *   0xFFFB_C000  │ identity map page    │ VT-x only: KVM's own use
 *   0xFFFB_D000  │ TSS                  │ VT-x only: KVM's own use
 * 0x1_0000_0000  ├──────────────────────┤
 *                │ RAM above 3 GiB      │
 *                └──────────────────────┘
 */
#ifndef MAYFLY_X86_64_LAYOUT_H
#define MAYFLY_X86_64_LAYOUT_H

#include <stdint.h>

#include "machine/layout.h"
#include "tables/memmap.h"

/* R(name, first address, bytes), ascending. */
#define LAYOUT_REGIONS(R)                             \
	R(BIOS_DATA, 0x00000000, 0x500)               \
	R(GDT, 0x00000500, 0x100)                     \
	R(START_INFO, 0x00006000, 0x1000)             \
	R(ZERO_PAGE, 0x00007000, 0x1000)              \
	R(SETUP_DATA, 0x00008000, 0x1000)             \
	R(PAGE_TABLES, 0x00009000, 0x6000)            \
	R(CMDLINE, 0x00020000, 0x10000)               \
	R(FREE_LOW, 0x00030000, 0x6fc00)              \
	R(EBDA, 0x0009fc00, 0x400)                    \
	R(ACPI, 0x000e0000, 0x10000)                  \
	R(MPTABLE, 0x000f0000, 0x10000)               \
	R(RAM_LOW, 0x00100000, 0xc0000000 - 0x100000) \
	R(VIRTIO, 0xe0000000, 8 * 0x1000)             \
	R(IOAPIC, 0xfec00000, 0x1000)                 \
	R(LAPIC, 0xfee00000, 0x1000)                  \
	R(IDENTITY_MAP, 0xfffbc000, 0x1000)           \
	R(TSS, 0xfffbd000, 0x3000)                    \
	R(RAM_HIGH, 0x100000000, 0xf40000000)

/* The same for I/O ports. */
#define LAYOUT_PORTS(R)       \
	R(KEYBOARD, 0x064, 1) \
	R(COM2, 0x2f8, 8)     \
	R(COM1, 0x3f8, 8)     \
	R(POWER, 0x600, 3)

LAYOUT_REGIONS(LAYOUT_DEFINE)
LAYOUT_PORTS(LAYOUT_DEFINE)

/* Proven while compiling: each region ends before the next begins. */
enum { LAYOUT_REGIONS(LAYOUT_CHAIN) LAYOUT_PORTS(LAYOUT_CHAIN) };
LAYOUT_FOLLOWS(BIOS_DATA, GDT);
LAYOUT_FOLLOWS(GDT, START_INFO);
LAYOUT_FOLLOWS(START_INFO, ZERO_PAGE);
LAYOUT_FOLLOWS(ZERO_PAGE, SETUP_DATA);
LAYOUT_FOLLOWS(SETUP_DATA, PAGE_TABLES);
LAYOUT_FOLLOWS(PAGE_TABLES, CMDLINE);
LAYOUT_FOLLOWS(CMDLINE, FREE_LOW);
LAYOUT_FOLLOWS(FREE_LOW, EBDA);
LAYOUT_FOLLOWS(EBDA, ACPI);
LAYOUT_FOLLOWS(ACPI, MPTABLE);
LAYOUT_FOLLOWS(MPTABLE, RAM_LOW);
LAYOUT_FOLLOWS(RAM_LOW, VIRTIO);
LAYOUT_FOLLOWS(VIRTIO, IOAPIC);
LAYOUT_FOLLOWS(IOAPIC, LAPIC);
LAYOUT_FOLLOWS(LAPIC, IDENTITY_MAP);
LAYOUT_FOLLOWS(IDENTITY_MAP, TSS);
LAYOUT_FOLLOWS(TSS, RAM_HIGH);
LAYOUT_FOLLOWS(KEYBOARD, COM2);
LAYOUT_FOLLOWS(COM2, COM1);
LAYOUT_FOLLOWS(COM1, POWER);

/* Interrupts: the ISA numbers of the UARTs, one to one on the I/O APIC; virtio devices above
 * ISA's. */
enum { GSI_COM2 = 3, GSI_COM1 = 4, GSI_VIRTIO = 16, GSI_COUNT = 24 };

/* Offsets in the power device, and what to write there. */
enum { POWER_RESET = 0, POWER_SLEEP_CONTROL = 1, POWER_SLEEP_STATUS = 2, POWER_RESET_VALUE = 1 };

/* What the architecture-neutral part needs to know. */
#define ARCH_RAM 0u /* where it begins */
#define ARCH_HOLE_START 0xc0000000u
#define ARCH_HOLE_END 0x100000000u
#define ARCH_GSI_CONSOLE GSI_COM1
#define ARCH_GSI_CHANNEL GSI_COM2
#define ARCH_GSI_VIRTIO GSI_VIRTIO /* of the first device; the others follow, one each */
#define ARCH_VIRTIO LAYOUT_VIRTIO  /* the same */
#define ARCH_VIRTIO_SIZE 0x1000u   /* from one device to the next */
#define ARCH_VIRTIO_DEVICES 8
#define ARCH_KERNELS IMAGE_FOR_X86_64

/* What to do when KVM is not there, or the CPU has nothing for it. */
/* A VM comes with a thread of the kernel's, which splits huge pages (CVE-2018-12207). */
#define ARCH_VM_HAS_WORKER true
#define ARCH_LOAD_KVM "load KVM: modprobe kvm_intel or kvm_amd"
#define ARCH_ENABLE_KVM "this CPU or its firmware offers no virtualisation: enable VT-x or AMD-V"

/* The memory map of a guest with RAM_SIZE bytes, as its firmware would tell it. */
void layout_memmap(uint64_t ram_size, struct memmap *map);

#endif
