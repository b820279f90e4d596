/* What the fuzzers share: reading decisions from the input, and saying which property is broken.
 * Inputs are rarely invalid: they are read as a list of changes to something that is right. */
#ifndef MAYFLY_FUZZ_H
#define MAYFLY_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/report.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define REQUIRE(condition) ((condition) ? (void)0 : broken(#condition, __FILE__, __LINE__))

static inline void broken(const char *condition, const char *file, int line)
{
	fprintf(stderr, "%s:%d: property is broken: %s\n", file, line, condition);
	abort();
}

/* What is left of the input; it gives zeros when there is nothing left. */
struct input {
	const uint8_t *data;
	size_t size;
};

static inline uint8_t take8(struct input *input)
{
	if (!input->size)
		return 0;
	input->size--;
	return *input->data++;
}

static inline uint16_t take16(struct input *input)
{
	unsigned low = take8(input);

	return (uint16_t)(low | (unsigned)take8(input) << 8);
}

static inline uint32_t take32(struct input *input)
{
	uint32_t low = take16(input);

	return low | (uint32_t)take16(input) << 16;
}

static inline uint64_t take64(struct input *input)
{
	uint64_t low = take32(input);

	return low | (uint64_t)take32(input) << 32;
}

/* A number at or near one of BASES, where the limits are. */
static inline uint64_t take_near(struct input *input, const uint64_t *bases, size_t count)
{
	uint64_t base = bases[take8(input) % count];

	return base + (uint64_t)(int8_t)take8(input);
}

/* A copy in an allocation of just its size, so that the sanitizer guards both its ends. */
static inline uint8_t *exact_copy(const uint8_t *data, size_t size)
{
	uint8_t *copy = malloc(size ? size : 1);

	REQUIRE(copy);
	memcpy(copy, data, size);
	return copy;
}

/* A field of a file, little-endian. */
struct field {
	size_t offset, size;
};

static inline void put_field_value(uint8_t *file, struct field field, uint64_t value)
{
	for (size_t i = 0; i < field.size; i++)
		file[field.offset + i] = (uint8_t)(value >> 8 * i);
}

/* Changes fields, two or three bytes of input each, and bytes (three); 0xff ends the list, so
 * that something is left for others. */
static inline void patch(struct input *input, uint8_t *file, size_t size,
			 const struct field *fields, size_t field_count, const uint64_t *bases,
			 size_t base_count)
{
	while (input->size) {
		unsigned which = take8(input);

		if (which == 0xff)
			return;
		if (which >= 0xf0)
			file[take16(input) % size] = take8(input);
		else
			put_field_value(file, fields[which % field_count],
					take_near(input, bases, base_count));
	}
}

/* Whoever is refused is told why, and what to do. */
static inline void require_refusal(const struct problem *problem)
{
	REQUIRE(memchr(problem->what, '\0', sizeof(problem->what)) && problem->what[0]);
	REQUIRE(memchr(problem->fix, '\0', sizeof(problem->fix)) && problem->fix[0]);
}

#endif
