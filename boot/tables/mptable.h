/* The MultiProcessor table (Intel MultiProcessor Specification 1.4), for kernels without ACPI. */
#ifndef MAYFLY_MPTABLE_H
#define MAYFLY_MPTABLE_H

#include <stddef.h>
#include <stdint.h>

struct mptable {
	uint32_t address; /* where OUT will be, guest-physical, 16-byte aligned */
	unsigned cpus;    /* 1–32; APIC ids 0 … cpus-1 */
	unsigned gsis;    /* inputs of the I/O APIC; pin n has interrupt n */
	uint32_t lapic, ioapic;
};

#define MPTABLE_SIZE_MAX 1024

/* Fills OUT with the floating pointer and the configuration table. Returns their size. */
size_t mptable_build(const struct mptable *fields, uint8_t out[MPTABLE_SIZE_MAX]);

#endif
