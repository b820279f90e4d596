/* How each architecture's arch_layout.h turns its table of regions into constants and proofs. */
#ifndef MAYFLY_LAYOUT_H
#define MAYFLY_LAYOUT_H

#include <stdint.h>

#define LAYOUT_DEFINE(name, first, bytes)                                      \
	static const uint64_t LAYOUT_##name __attribute__((unused)) = (first); \
	static const uint64_t LAYOUT_##name##_SIZE __attribute__((unused)) = (bytes);

/* For an enum: what LAYOUT_FOLLOWS compares. */
#define LAYOUT_CHAIN(name, first, bytes) \
	LAYOUT_FIRST_##name = (first), LAYOUT_END_##name = (first) + (bytes),

#define LAYOUT_FOLLOWS(low, high) \
	_Static_assert(LAYOUT_END_##low <= LAYOUT_FIRST_##high, #low " reaches into " #high)

#endif
