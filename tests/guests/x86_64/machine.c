/* An x86-64 guest's machine. */
#include <stddef.h>

#include "bare.h"

/* What PVH tells: hvm_start_info. */
struct start_info {
	uint32_t magic, version, flags, modules;
	uint64_t module_list, cmdline, rsdp, memmap;
	uint32_t memmap_entries, reserved;
};

static const struct start_info *info;

#define INFO_MAGIC 0x336ec578

struct memmap_entry {
	uint64_t address, size;
	uint32_t type, reserved;
};

#define MEMMAP_RAM 1

/* hvm_start_info, or a bzImage's zero page, which has its command line at 0x228. */
const char *machine_begin(uint64_t argument)
{
	info = (const struct start_info *)argument;
	if (info->magic == INFO_MAGIC)
		return (const char *)info->cmdline;
	return (const char *)(uint64_t)read32(argument + 0x228);
}

/* --- memory --- */

unsigned ram_map(struct range map[RAM_MAP_MAX])
{
	const struct memmap_entry *entry = (const struct memmap_entry *)info->memmap;
	const struct memmap_entry *end = entry + info->memmap_entries;
	unsigned count = 0;

	for (; entry < end && count < RAM_MAP_MAX; entry++)
		if (entry->type == MEMMAP_RAM)
			map[count++] = (struct range){entry->address, entry->size};
	return count;
}

/* start.S maps what is below 4 GiB. */
void map_high(void)
{
	static _Alignas(4096) uint64_t directory[512];
	const uint64_t flags = 0x83; /* present, writable, 2 MiB */
	uint64_t pml4;

	__asm__("movq %%cr3, %0" : "=r"(pml4));
	for (unsigned i = 0; i < 512; i++)
		directory[i] = (MAPPED_END + i * 0x200000ull) | flags;
	((volatile uint64_t *)(*(uint64_t *)pml4 & ~0xfffull))[4] = (uint64_t)directory | 3;
}

void fill(volatile void *to, uint8_t byte, uint64_t size)
{
	uint64_t words = size / 8, rest = size % 8, value = byte * 0x0101010101010101;

	__asm__ volatile("rep stosq" : "+D"(to), "+c"(words) : "a"(value) : "memory");
	__asm__ volatile("rep stosb" : "+D"(to), "+c"(rest) : "a"(value) : "memory");
}

/* GCC calls these for what it makes of loops and assignments. */
void *memset(void *to, int byte, unsigned long size);
void *memset(void *to, int byte, unsigned long size)
{
	fill(to, (uint8_t)byte, size);
	return to;
}

void *memcpy(void *restrict to, const void *restrict from, unsigned long size);
void *memcpy(void *restrict to, const void *restrict from, unsigned long size)
{
	void *begin = to;

	__asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(size) : : "memory");
	return begin;
}

/* --- the end --- */

#define POWER 0x600
#define KEYBOARD 0x64

_Noreturn void halt(void)
{
	for (;;)
		__asm__ volatile("cli; hlt");
}

void power_off(void)
{
	out8(POWER + 1, 5 << 2 | 0x20);
}

static void reset_by_acpi(void)
{
	out8(POWER, 1);
}

static void reset_by_keyboard(void)
{
	out8(KEYBOARD, 0xfe);
}

/* The BIOS reset flag says "warm": reboot=panic_warm. */
void panic_reset(void)
{
	write16(0x472, 0x1234);
	reset_by_keyboard();
}

/* --- other CPUs --- */

#define TRAMPOLINE 0x2000

extern const uint8_t ap_start[], ap_end[];

void (*other_cpu_work)(void);

/* INIT and SIPI to all but self, who begin with a copy of ap_start. */
void start_other_cpus(void (*work)(void))
{
	uint64_t to = TRAMPOLINE;

	other_cpu_work = work;
	for (const uint8_t *from = ap_start; from < ap_end; from++)
		write8(to++, *from);
	write32(IRQCHIP + 0xf0, 0x1ff);
	write32(IRQCHIP + 0x300, 0xc4500);
	write32(IRQCHIP + 0x300, 0xc4600 | TRAMPOLINE >> 12);
}

/* --- interrupts --- */

#define VECTOR 0x40
#define IOAPIC 0xfec00000ull

static struct {
	uint16_t low, selector, type, middle;
	uint32_t high, reserved;
} idt[256];

extern const uint8_t interrupt_entry[];

static void load_idt(void)
{
	struct {
		uint16_t limit;
		uint64_t base;
	} __attribute__((packed)) pointer = {sizeof(idt) - 1, (uint64_t)idt};
	uint64_t entry = (uint64_t)interrupt_entry;

	idt[VECTOR].low = (uint16_t)entry;
	idt[VECTOR].selector = 0x10;
	idt[VECTOR].type = 0x8e00; /* present, interrupt gate */
	idt[VECTOR].middle = (uint16_t)(entry >> 16);
	__asm__ volatile("lidt %0" : : "m"(pointer));
}

/* GSI 16, edge, to CPU 0. */
void open_interrupt(void)
{
	load_idt();
	write32(IRQCHIP + 0xf0, 0x1ff);
	write32(IOAPIC, 0x10 + 2 * 16 + 1);
	write32(IOAPIC + 0x10, 0);
	write32(IOAPIC, 0x10 + 2 * 16);
	write32(IOAPIC + 0x10, VECTOR);
}

/* --- what only this machine has --- */

/* Ports. */
bool is_nothing_else(void)
{
	out8(0x80, 1);
	return in8(0x80) == 0 && in32(0xcfc) == 0;
}

static void test_triplefault(void)
{
	struct {
		uint16_t limit;
		uint64_t base;
	} __attribute__((packed)) none = {0, 0};

	__asm__ volatile("lidt %0; ud2" : : "m"(none));
}

/* Nothing there can be fetched, or emulated. */
static void test_nowhere(void)
{
	((void (*)(void))NOWHERE)();
}

/* The tables where a firmware's are looked for. */
static void test_tables(void)
{
	ready();
	expect(read64(info->rsdp) == 0x2052545020445352, 1); /* "RSD PTR " */
	expect(read32(0xf0000) == 0x5f504d5f, 2);            /* "_MP_" */
	expect(info->magic == INFO_MAGIC && info->version == 1, 3);
	end(0, 0);
}

const struct test arch_tests[] = {
	{"acpireset", reset_by_acpi},      /* by the reset register */
	{"kbdreset", reset_by_keyboard},   /* by the keyboard controller */
	{"triplefault", test_triplefault}, /* an exception without an IDT */
	{"nowhere", test_nowhere},         /* a jump to where nothing is */
	{"tables", test_tables},           /* ACPI, MP, PVH */
	{NULL, NULL},
};
