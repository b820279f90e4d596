/* The hash against another that works as the specification's text says: in 128-bit arithmetic
 * cut to 64 bits, a byte at a time, with the lanes in an array; and from an allocation of just
 * the data's size, at any alignment. */
#include "fuzz.h"

#include "base/xxh64.h"

/* Decimal, as the specification has them, too. */
static const uint64_t primes[] = {0,
				  11400714785074694791u,
				  14029467366897019727u,
				  1609587929392839161u,
				  9650029242287828579u,
				  2870177450012600261u};

static uint64_t times(uint64_t a, uint64_t b)
{
	return (uint64_t)((unsigned __int128)a * b);
}

static uint64_t turn(uint64_t value, unsigned bits)
{
	unsigned __int128 twice = (unsigned __int128)value << 64 | value;

	return (uint64_t)(twice >> (64 - bits));
}

static uint64_t number(const uint8_t *bytes, unsigned size)
{
	uint64_t value = 0;

	while (size--)
		value = value << 8 | bytes[size];
	return value;
}

static uint64_t round_of(uint64_t accumulator, uint64_t lane)
{
	return times(turn(accumulator + times(lane, primes[2]), 31), primes[1]);
}

static uint64_t reference(const uint8_t *data, size_t size, uint64_t seed)
{
	static const unsigned turns[] = {1, 7, 12, 18};
	uint64_t lanes[] = {seed + primes[1] + primes[2], seed + primes[2], seed, seed - primes[1]};
	uint64_t hash = 0;
	size_t at = 0;

	for (; at + 32 <= size; at += 32)
		for (unsigned i = 0; i < 4; i++)
			lanes[i] = round_of(lanes[i], number(data + at + 8 * i, 8));
	for (unsigned i = 0; i < 4; i++)
		hash += turn(lanes[i], turns[i]);
	for (unsigned i = 0; i < 4; i++)
		hash = times(hash ^ round_of(0, lanes[i]), primes[1]) + primes[4];
	if (size < 32)
		hash = seed + primes[5];
	hash += size;
	while (at < size) {
		unsigned piece = size - at >= 8 ? 8 : size - at >= 4 ? 4 : 1;
		uint64_t value = number(data + at, piece);

		at += piece;
		if (piece == 8)
			hash = times(turn(hash ^ round_of(0, value), 27), primes[1]) + primes[4];
		else if (piece == 4)
			hash = times(turn(hash ^ times(value, primes[1]), 23), primes[2]) +
			       primes[3];
		else
			hash = times(turn(hash ^ times(value, primes[5]), 11), primes[1]);
	}
	hash = times(hash ^ hash >> 33, primes[2]);
	hash = times(hash ^ hash >> 29, primes[3]);
	return hash ^ hash >> 32;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = {data, size};
	uint64_t seed = take64(&input);
	unsigned shift = take8(&input) % 8;
	uint8_t *copy = malloc(input.size + shift + 1);

	REQUIRE(copy);
	memcpy(copy + shift, input.data, input.size);
	REQUIRE(xxh64((struct bytes){copy + shift, input.size}, seed) ==
		reference(input.data, input.size, seed));
	free(copy);
	return 0;
}
