/* XXH64, a fast hash of 64 bits that is not cryptographic: for the identity of what nobody
 * forges (xxHash fast digest algorithm, xxhash_spec.md, "XXH64 Algorithm Description"). */
#ifndef MAYFLY_XXH64_H
#define MAYFLY_XXH64_H

#include "base/bytes.h"

/* The hash of DATA, which has the same value on every machine. The usual SEED is 0. */
uint64_t xxh64(struct bytes data, uint64_t seed);

#endif
