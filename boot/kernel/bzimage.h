/* The zero page, to which %rsi points when a bzImage starts
 * (Documentation/arch/x86/zero-page.rst). */
#ifndef MAYFLY_BZIMAGE_H
#define MAYFLY_BZIMAGE_H

#include "kernel/image.h"
#include "tables/memmap.h"

#define ZERO_PAGE_SIZE 4096
#define BZIMAGE_SEED_SIZE 32

struct zero_page {
	uint64_t cmdline; /* guest-physical address of the NUL-terminated text */
	uint64_t initrd;  /* 0: none */
	uint64_t initrd_size;
	uint64_t rsdp;            /* ACPI root pointer */
	uint64_t setup_data;      /* head of the setup_data list, 0: none */
	const struct memmap *map; /* becomes the e820 table */
};

/* Fills PAGE from the image's own setup header and FIELDS. */
void zero_page_build(const struct image *image, const struct zero_page *fields,
		     uint8_t page[ZERO_PAGE_SIZE]);

/* Builds one setup_data entry of type SETUP_RNG_SEED, of SETUP_DATA_SIZE bytes. */
#define SETUP_DATA_SIZE (16 + BZIMAGE_SEED_SIZE)
void setup_data_build(const uint8_t seed[BZIMAGE_SEED_SIZE], uint8_t out[SETUP_DATA_SIZE]);

#endif
