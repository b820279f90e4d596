/* XXH64: a fast 64-bit hash that is not cryptographic, for the identity of data that nobody forges
 * (xxHash fast digest algorithm, xxhash_spec.md, "XXH64 Algorithm Description"). */
#ifndef MAYFLY_XXH64_H
#define MAYFLY_XXH64_H

#include "base/bytes.h"

/* The hash of DATA, which is the same on every machine. The usual SEED is 0. */
uint64_t xxh64(struct bytes data, uint64_t seed);

#endif
