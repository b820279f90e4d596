/* What must hold for every kernel that is accepted, whatever its format. Before, a fuzzer says
 * for which MACHINE its kernels are, and at which SPACE_START a small guest's memory is free. */
#ifndef MAYFLY_FUZZ_IMAGE_H
#define MAYFLY_FUZZ_IMAGE_H

#include "fuzz.h"
#include "kernel/image.h"
#include "base/ram.h"

/* 64 KiB, so that a whole look at them costs little. */
enum { SPACE_SIZE = 0x10000, SPACE_END = SPACE_START + SPACE_SIZE };

static const struct image_space space = {SPACE_START, SPACE_END, MACHINE};

static inline const struct ram *fuzz_ram(void)
{
	static const uint8_t zero[SPACE_SIZE];
	static struct ram ram;
	struct problem problem;

	if (!ram.range[0].size)
		REQUIRE(ram_reserve(&ram, SPACE_SIZE, SPACE_START, SPACE_END, SPACE_END, &problem));
	REQUIRE(ram_write(&ram, GPA(SPACE_START), zero, sizeof(zero)));
	return &ram;
}

static inline void require_segments(struct bytes file, const struct image *image)
{
	REQUIRE(image->segment_count >= 1 && image->segment_count <= IMAGE_SEGMENTS_MAX);
	REQUIRE(image->end <= SPACE_END);
	for (unsigned i = 0; i < image->segment_count; i++) {
		const struct image_segment *segment = &image->segment[i];

		REQUIRE(segment->file_size <= segment->memory_size);
		REQUIRE(segment->file_offset <= file.size);
		REQUIRE(segment->file_size <= file.size - segment->file_offset);
		REQUIRE(segment->address >= SPACE_START && segment->address <= SPACE_END);
		REQUIRE(segment->memory_size <= SPACE_END - segment->address);
		REQUIRE(segment->address + segment->memory_size <= image->end);
	}
}

static inline bool has_entry(const struct image *image)
{
	for (unsigned i = 0; i < image->segment_count; i++)
		if (image->entry >= image->segment[i].address &&
		    image->entry - image->segment[i].address < image->segment[i].file_size)
			return true;
	return false;
}

/* Memory holds the segments' bytes, and is zero everywhere else. */
static inline void require_loaded(struct bytes file, const struct image *image)
{
	static uint8_t expected[SPACE_SIZE], seen[SPACE_SIZE];
	const struct ram *ram = fuzz_ram();

	memset(expected, 0, sizeof(expected));
	for (unsigned i = 0; i < image->segment_count; i++)
		if (image->segment[i].file_size)
			memcpy(expected + (image->segment[i].address - SPACE_START),
			       file.data + image->segment[i].file_offset,
			       image->segment[i].file_size);
	REQUIRE(image_load(file, image, ram, ram_write));
	REQUIRE(ram_read(ram, GPA(SPACE_START), seen, sizeof(seen)));
	REQUIRE(!memcmp(seen, expected, sizeof(seen)));
}

/* Parses FILE; if it is accepted, all of the above holds. */
static inline bool accept_image(struct bytes file, struct image *image)
{
	struct problem problem = {"", ""};

	if (!image_parse(file, space, image, &problem)) {
		require_refusal(&problem);
		return false;
	}
	require_segments(file, image);
	REQUIRE(has_entry(image));
	require_loaded(file, image);
	return true;
}

#endif
