/* What can be accessed at random on an x86-64 machine. */
#include "fuzz.h"

#include "arch.h"

/* The page tables reach up to 5 GiB; the last page below 4 GiB is no RAM of KVM's own. */
const struct place arch_places[] = {
	{0xc0000000, 0x1000, true},   /* the hole begins */
	{NOWHERE, 0x1000, true},      /* and goes on */
	{VIRTIO - 8, 8, true},        /* into the first slot */
	{IRQCHIP + 0x1000, 16, true}, /* behind the local APIC */
	{0xfffff000, 0x1000, true},   /* the last byte of 32 bits and the first beyond */
	{0x100000000, 0x1000, true},  /* no RAM with less than 3 GiB */
	{0x13ffff000, 0xff8, true},   /* the last that is mapped */
};
const unsigned arch_place_count = LENGTH_OF(arch_places);

/* Everything else is written at ports. */
bool may_write(uint64_t address, unsigned width, uint64_t value)
{
	(void)address;
	(void)width;
	(void)value;
	return true;
}

/* --- ports --- */

#define KEYBOARD 0x64
#define POWER 0x600

/* Bytes that are not written, as VALUE is in MASK. */
static const struct {
	uint16_t port;
	uint8_t mask, value;
} left_out[] = {
	{KEYBOARD, 0xff, 0xfe},      /* pulses the reset line: the VM ends */
	{POWER, 0xff, 0x01},         /* the same */
	{POWER + 1, 0x3c, 0x34},     /* sleep in S5: the VM is off */
	{(uint16_t)CHANNEL, 0, 0x00} /* no frame begins so: 122 */
};

static bool may_out(uint16_t port, unsigned width, uint32_t value)
{
	for (unsigned i = 0; i < width; i++, value >>= 8)
		for (unsigned j = 0; j < LENGTH_OF(left_out); j++)
			if (port + i == left_out[j].port &&
			    (value & left_out[j].mask) == left_out[j].value)
				return false;
	return true;
}

static const struct {
	uint16_t first, count;
} ports[] = {
	{KEYBOARD - 4, 8},           /* in the middle of nothing */
	{(uint16_t)CHANNEL - 1, 10}, /* with what is before and behind */
	{(uint16_t)CONSOLE - 1, 10}, /* the same */
	{POWER - 4, 12},             /* the same */
	{0xcf8, 8},                  /* where PCI would be */
	{0xfff8, 8},                 /* the last, and over the end */
	{0, 0xffff},                 /* any other, the PIC too */
};

#define STRING_LENGTH 16

/* 16 items of a string instruction, which KVM hands over at once. */
static void in_string(uint16_t port, unsigned width, uint32_t *items)
{
	uint64_t count = STRING_LENGTH;

	if (width == 1)
		__asm__ volatile("rep insb" : "+D"(items), "+c"(count) : "d"(port) : "memory");
	else if (width == 2)
		__asm__ volatile("rep insw" : "+D"(items), "+c"(count) : "d"(port) : "memory");
	else
		__asm__ volatile("rep insl" : "+D"(items), "+c"(count) : "d"(port) : "memory");
}

static void out_string(uint16_t port, unsigned width, const uint32_t *items)
{
	uint64_t count = STRING_LENGTH;

	if (width == 1)
		__asm__ volatile("rep outsb" : "+S"(items), "+c"(count) : "d"(port) : "memory");
	else if (width == 2)
		__asm__ volatile("rep outsw" : "+S"(items), "+c"(count) : "d"(port) : "memory");
	else
		__asm__ volatile("rep outsl" : "+S"(items), "+c"(count) : "d"(port) : "memory");
}

/* All bytes are the same, so that one look tells whether they may be written. */
static void fuzz_string(struct dice *dice, uint16_t port, unsigned width)
{
	uint32_t items[STRING_LENGTH], byte = any_value(dice) & 0xff;

	dice->accesses += STRING_LENGTH;
	fill(items, (uint8_t)byte, sizeof(items));
	if (one_in(dice, 2) && may_out(port, width, byte * 0x01010101))
		out_string(port, width, items);
	else
		in_string(port, width, items);
}

static void out(uint16_t port, unsigned width, uint32_t value)
{
	if (width == 1)
		out8(port, (uint8_t)value);
	else if (width == 2)
		out16(port, (uint16_t)value);
	else
		out32(port, value);
}

static void in(uint16_t port, unsigned width)
{
	if (width == 1)
		in8(port);
	else if (width == 2)
		in16(port);
	else
		in32(port);
}

static void access_port(struct dice *dice, uint16_t port)
{
	unsigned width = 1u << below(dice, 3);
	uint32_t value = (uint32_t)any_value(dice);

	if (one_in(dice, 12)) {
		fuzz_string(dice, port, width);
		return;
	}
	dice->accesses++;
	if (one_in(dice, 2) && may_out(port, width, value))
		out(port, width, value);
	else
		in(port, width);
}

void fuzz_machine(struct dice *dice)
{
	unsigned i = below(dice, LENGTH_OF(ports));

	for (unsigned j = below(dice, 8); j > 0; j--)
		access_port(dice, (uint16_t)(ports[i].first + below(dice, ports[i].count)));
}
