/* What can be accessed at random on an aarch64 machine. */
#include "fuzz.h"

#include "arch.h"

#define CLOCK 0x09002000ull

/* Of device memory odd accesses fault: see unaligned(). */
const struct place arch_places[] = {
	{0, 0x1000, false},                   /* the first byte of all */
	{CONSOLE, 0x1000, false},             /* with what is behind its registers */
	{CHANNEL, 0x1000, false},             /* the same */
	{CLOCK, 0x1000, false},               /* a PL031 */
	{CLOCK + 0x1000, 0x1000, false},      /* behind it */
	{VIRTIO - 0x1000, 0x1000, false},     /* before the first slot */
	{NOWHERE, 0x1000, false},             /* a hole */
	{RAM - 0x1000, 0x1000, false},        /* the last byte below the RAM */
	{MAPPED_END - 0x1000, 0x1000, false}, /* far above it */
};
const unsigned arch_place_count = LENGTH_OF(arch_places);

/* A byte in the channel's data register would begin a frame: 122. Nothing else here ends a VM:
 * that takes PSCI. */
bool may_write(uint64_t address, unsigned width, uint64_t value)
{
	(void)value;
	return address > CHANNEL || address + width <= CHANNEL;
}

static void access_clock(struct dice *dice)
{
	static const uint16_t offsets[] = {0x00, 0x04, 0x08, 0x0c, 0x10, 0x14, 0x18, 0x1c, 0xfe0};
	uint64_t address = CLOCK + offsets[below(dice, LENGTH_OF(offsets))];

	if (one_in(dice, 2))
		get(dice, address, 4);
	else
		put(dice, address, 4, any_value(dice));
}

static void access_uart(struct dice *dice, uint64_t uart)
{
	uint64_t address = uart + below(dice, 8);

	if (one_in(dice, 2))
		get(dice, address, 1);
	else
		put(dice, address, 1, any_value(dice));
}

void fuzz_machine(struct dice *dice)
{
	unsigned device = below(dice, 3);

	for (unsigned i = below(dice, 8); i > 0; i--)
		if (device == 0)
			access_clock(dice);
		else
			access_uart(dice, device == 1 ? CONSOLE : CHANNEL);
}
