/* hvm_start_info version 1, to which %ebx points when a PVH kernel starts, with its module list and
 * memory map (Xen's include/public/arch-x86/hvm/start_info.h). */
#ifndef MAYFLY_START_INFO_H
#define MAYFLY_START_INFO_H

#include <stddef.h>
#include <stdint.h>

#include "tables/memmap.h"

struct start_info {
	uint64_t address; /* where OUT will be, guest-physical */
	uint64_t cmdline; /* NUL-terminated text */
	uint64_t initrd;  /* 0: none */
	uint64_t initrd_size;
	uint64_t rsdp;
	const struct memmap *map;
};

#define START_INFO_SIZE (56 + 32 + MEMMAP_MAX * 24)

/* Fills OUT: start_info, one module if there is an initrd, and the memory map. */
void start_info_build(const struct start_info *fields, uint8_t out[START_INFO_SIZE]);

#endif
