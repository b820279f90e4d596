#include "base/xxh64.h"

/* The specification's PRIME64_1 to PRIME64_5. */
static const uint64_t prime1 = 0x9e3779b185ebca87, prime2 = 0xc2b2ae3d27d4eb4f,
		      prime3 = 0x165667b19e3779f9, prime4 = 0x85ebca77c2b2ae63,
		      prime5 = 0x27d4eb2f165667c5;

enum { STRIPE = 32 };

static inline uint64_t rotate(uint64_t value, unsigned bits)
{
	return value << bits | value >> (64 - bits);
}

/* "Step 2. Process stripes": one lane. */
static inline uint64_t mix_lane(uint64_t accumulator, uint64_t lane)
{
	return rotate(accumulator + lane * prime2, 31) * prime1;
}

static inline uint64_t merge(uint64_t accumulator, uint64_t other)
{
	return (accumulator ^ mix_lane(0, other)) * prime1 + prime4;
}

/* Steps 1 to 3: all whole stripes, at least one. The compiler turns each get_le64 into one load. */
static uint64_t hash_stripes(struct bytes *data, uint64_t seed)
{
	uint64_t a = seed + prime1 + prime2, b = seed + prime2, c = seed, d = seed - prime1;
	const uint8_t *lane = data->data;

	for (; data->size >= STRIPE; data->size -= STRIPE, lane += STRIPE) {
		a = mix_lane(a, get_le64(lane));
		b = mix_lane(b, get_le64(lane + 8));
		c = mix_lane(c, get_le64(lane + 16));
		d = mix_lane(d, get_le64(lane + 24));
	}
	data->data = lane;
	uint64_t sum = rotate(a, 1) + rotate(b, 7) + rotate(c, 12) + rotate(d, 18);
	return merge(merge(merge(merge(sum, a), b), c), d);
}

/* "Step 5. Consume remaining input": less than a stripe. */
static uint64_t hash_rest(struct bytes data, uint64_t hash)
{
	for (; data.size >= 8; data.size -= 8, data.data += 8)
		hash = rotate(hash ^ mix_lane(0, get_le64(data.data)), 27) * prime1 + prime4;
	if (data.size >= 4) {
		hash = rotate(hash ^ get_le32(data.data) * prime1, 23) * prime2 + prime3;
		data.size -= 4;
		data.data += 4;
	}
	for (; data.size; data.size--)
		hash = rotate(hash ^ *data.data++ * prime5, 11) * prime1;
	return hash;
}

uint64_t xxh64(struct bytes data, uint64_t seed)
{
	uint64_t size = data.size;
	uint64_t hash = size >= STRIPE ? hash_stripes(&data, seed) : seed + prime5;

	hash = hash_rest(data, hash + size);
	/* "Step 6. Final mix (avalanche)" */
	hash = (hash ^ hash >> 33) * prime2;
	hash = (hash ^ hash >> 29) * prime3;
	return hash ^ hash >> 32;
}
