/* An aarch64 guest's machine. */
#include "bare.h"
#include "cpu.h"
#include "fdt.h"

/* The address of the device tree. */
const char *machine_begin(uint64_t argument)
{
	fdt = (const struct fdt_header *)argument;
	return (const char *)fdt_find("/chosen", 0, "bootargs").bytes;
}

/* --- memory --- */

unsigned ram_map(struct range map[RAM_MAP_MAX])
{
	struct fdt_value reg = fdt_find("/memory", 0, "reg");
	unsigned count = 0;

	for (; count < RAM_MAP_MAX && 16 * count < reg.size; count++)
		map[count] = (struct range){fdt_u64(reg, 16 * count), fdt_u64(reg, 16 * count + 8)};
	return count;
}

/* start.S maps all. */
void map_high(void)
{
}

void fill(volatile void *to, uint8_t byte, uint64_t size)
{
	const uint64_t word = byte * 0x0101010101010101;
	volatile uint8_t *bytes = to;

	for (; size >= 8; size -= 8, bytes += 8)
		*(volatile uint64_t *)(volatile void *)bytes = word;
	while (size--)
		*bytes++ = byte;
}

/* GCC calls these for what it makes of loops and assignments; volatile lets it not call them
 * here. */
void *memset(void *to, int byte, unsigned long size);
void *memset(void *to, int byte, unsigned long size)
{
	fill(to, (uint8_t)byte, size);
	return to;
}

void *memcpy(void *restrict to, const void *restrict from, unsigned long size);
void *memcpy(void *restrict to, const void *restrict from, unsigned long size)
{
	volatile uint8_t *target = to;
	const uint8_t *source = from;

	while (size--)
		*target++ = *source++;
	return to;
}

/* --- the end --- */

_Noreturn void halt(void)
{
	for (;;)
		__asm__ volatile("dsb sy\n\twfi");
}

void power_off(void)
{
	psci(PSCI_SYSTEM_OFF, 0, 0, 0);
}

/* Warm, if PSCI has that: reboot=panic_warm. */
void panic_reset(void)
{
	psci(PSCI_SYSTEM_RESET2, 0, 0, 0);
	psci(PSCI_SYSTEM_RESET, 0, 0, 0);
}

static void say_number(const char *name, uint64_t value)
{
	char text[] = "0000000000000000";

	for (unsigned i = 16; i > 0; i--, value >>= 4)
		text[i - 1] = "0123456789abcdef"[value & 15];
	say(name);
	say(text);
}

/* An exception, which there should not be. */
_Noreturn void crash(uint64_t esr, uint64_t elr, uint64_t far);
_Noreturn void crash(uint64_t esr, uint64_t elr, uint64_t far)
{
	say_number("exception: esr=", esr);
	say_number(" elr=", elr);
	say_number(" far=", far);
	say("\n");
	panic_reset();
	halt();
}
