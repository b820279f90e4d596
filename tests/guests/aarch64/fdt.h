/* A reader of flattened device trees (Devicetree Specification 0.4 §5). */
#ifndef GUEST_FDT_H
#define GUEST_FDT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct fdt_header {
	uint32_t magic, totalsize, off_dt_struct, off_dt_strings, off_mem_rsvmap;
	uint32_t version, last_comp_version, boot_cpuid_phys, size_dt_strings, size_dt_struct;
};

extern const struct fdt_header *fdt;

/* A property's value, big-endian. */
struct fdt_value {
	const uint8_t *bytes; /* NULL: there is no such property */
	uint32_t size;
};

/* Property NAME of the node at PATH ("/cpus/cpu"; unit addresses do not count), of the INDEXth
 * that has it. */
struct fdt_value fdt_find(const char *path, unsigned index, const char *name);

/* The cell at OFFSET, and two cells; 0 if they are not there. */
uint32_t fdt_u32(struct fdt_value value, uint32_t offset);
uint64_t fdt_u64(struct fdt_value value, uint32_t offset);

/* Whether TEXT is one of the strings in VALUE. */
bool fdt_is(struct fdt_value value, const char *text);

#endif
