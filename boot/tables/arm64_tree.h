/* The device tree of an arm64 guest. */
#ifndef MAYFLY_ARM64_TREE_H
#define MAYFLY_ARM64_TREE_H

#include <stddef.h>
#include <stdint.h>

#include "tables/fdt.h"

#define ARM64_VIRTIO_MAX 8
#define ARM64_SEED_SIZE 32

/* A device with registers and an edge-triggered shared peripheral interrupt (INTID 32 + spi). */
struct arm64_device {
	uint64_t address, size;
	uint32_t spi;
};

struct arm64_tree {
	struct fdt_range memory;
	unsigned cpus;

	unsigned gic_version;         /* 2 or 3 */
	struct fdt_range distributor; /* GICv2 or GICv3 */
	struct fdt_range gic_cpus;    /* GICv3: all redistributors; GICv2: the CPU interface */

	struct arm64_device console, channel;
	struct fdt_range clock; /* PL031 */
	unsigned virtio_count;
	struct arm64_device virtio[ARM64_VIRTIO_MAX];

	const char *bootargs;
	struct fdt_range initrd; /* size 0: none */
	const uint8_t *seed;     /* ARM64_SEED_SIZE random bytes */
};

/* MPIDR_EL1's affinity fields of vCPU INDEX, as KVM sets them: 16 CPUs per cluster. */
uint32_t arm64_mpidr(unsigned index);

/* Enough for every tree with a command line of CMDLINE_CAPACITY and 32 CPUs. */
#define ARM64_TREE_SIZE_MAX 16384

/* Writes the tree to OUT. Returns its size in bytes, or 0 if CAPACITY is too small. */
size_t arm64_tree_build(const struct arm64_tree *tree, uint8_t *out, size_t capacity);

#endif
