/* Accesses at random, for machinefuzz. What makes sense to every machine is in machine_fuzz.c
 * and virtio_fuzz.c, what one machine has beside that in its directory's fuzz.c. */
#ifndef GUEST_FUZZ_H
#define GUEST_FUZZ_H

#include <stdbool.h>
#include <stdint.h>

#define SLOTS 8 /* of virtio devices */
#define LENGTH_OF(array) (sizeof(array) / sizeof((array)[0]))

/* One a CPU: where its numbers come from, and how many accesses it has made. */
struct dice {
	uint64_t state, accesses;
};

/* A Weyl sequence, and a mixer that lets every bit depend on every one (splitmix64). */
static inline uint64_t roll(struct dice *dice)
{
	uint64_t bits = dice->state += 0x9e3779b97f4a7c15;

	bits = (bits ^ bits >> 30) * 0xbf58476d1ce4e5b9;
	bits = (bits ^ bits >> 27) * 0x94d049bb133111eb;
	return bits ^ bits >> 31;
}

static inline uint32_t below(struct dice *dice, uint32_t limit)
{
	return (uint32_t)((roll(dice) >> 32) * limit >> 32);
}

static inline bool one_in(struct dice *dice, uint32_t chances)
{
	return below(dice, chances) == 0;
}

/* 1, 2, 4 or 8 bytes; a number that means something somewhere, or any. */
unsigned any_width(struct dice *dice);
uint64_t any_value(struct dice *dice);

/* One access, which counts. get() throws away what it reads. */
void get(struct dice *dice, uint64_t address, unsigned width);
void put(struct dice *dice, uint64_t address, unsigned width, uint64_t value);

/* What a fuzzer does again and again, in any order. */
void fuzz_registers(struct dice *dice); /* of a virtio device, as a driver might use them */
void fuzz_driver(struct dice *dice);    /* sets a virtio device up, almost rightly, and uses it */
void fuzz_ring(struct dice *dice);      /* offers chains, and kicks */

void fuzz_begin(void); /* before any of these, once */

/* --- of the machine --- */

/* Accesses begin anywhere in it and may reach seven bytes beyond; at odd addresses only where
 * those are allowed. */
struct place {
	uint64_t address;
	uint32_t size;
	bool odd;
};

/* Devices that are no virtio devices, and holes. Not among them: the interrupt controller, which
 * is KVM's and could stop the other CPU, and RAM. */
extern const struct place arch_places[];
extern const unsigned arch_place_count;

/* False for what would end the VM in order, or break the channel's protocol, which ends it, too. */
bool may_write(uint64_t address, unsigned width, uint64_t value);

/* A few accesses to one of what is no virtio device: ports, UARTs. */
void fuzz_machine(struct dice *dice);

#endif
