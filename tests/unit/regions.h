/* Regions of an architecture's memory map, as arch_layout.h tells them: LAYOUT_REGIONS(REGION). */
#ifndef MAYFLY_REGIONS_H
#define MAYFLY_REGIONS_H

#include "unit.h"

struct region {
	const char *name;
	uint64_t first, size;
};

#define REGION(name, first, bytes) {#name, (first), (bytes)},

static inline bool overlap(uint64_t a, uint64_t a_size, uint64_t b, uint64_t b_size)
{
	return a < b + b_size && b < a + a_size;
}

/* None is empty, wraps or lies on another. */
static inline void assert_disjoint(const struct region *table, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		assert_each(table[i].size > 0, table[i].name, table[i].size);
		assert_each(table[i].first + table[i].size > table[i].first, table[i].name,
			    table[i].size);
		for (size_t j = 0; j < i; j++)
			assert_each(!overlap(table[i].first, table[i].size, table[j].first,
					     table[j].size),
				    table[i].name, table[j].first);
	}
}

#endif
