#include "machine/x86_64/guest_cpuid.h"

#include <stdint.h>

enum {
	LEAF_FEATURES = 1,
	LEAF_CACHES = 4, /* Intel */
	LEAF_TOPOLOGY = 0xb,
	LEAF_TOPOLOGY_V2 = 0x1f,
};

#define LEAF_AMD_FEATURES 0x80000001u
#define LEAF_AMD_SIZES 0x80000008u
#define LEAF_AMD_CACHES 0x8000001du
#define LEAF_AMD_TOPOLOGY 0x8000001eu

enum {
	ECX1_VMX = 1 << 5,
	ECX1_TSC_DEADLINE = 1 << 24,
	EDX1_HTT = 1 << 28,
	AMD_ECX_SVM = 1 << 2,
	LEVEL_THREAD = 1,
	LEVEL_CORE = 2,
};
#define ECX1_HYPERVISOR (1u << 31)

/* How many bits of an APIC id tell CPUS cores apart. */
static uint32_t id_bits(unsigned cpus)
{
	uint32_t bits = 0;

	while (1u << bits < cpus)
		bits++;
	return bits;
}

static void adapt_features(struct kvm_cpuid_entry2 *entry, unsigned index, unsigned cpus,
			   bool tsc_deadline)
{
	entry->ebx = (entry->ebx & 0x0000ffff) | index << 24 | (1u << id_bits(cpus)) << 16;
	entry->ecx &= ~(uint32_t)(ECX1_VMX | ECX1_TSC_DEADLINE);
	entry->ecx |= ECX1_HYPERVISOR;
	if (tsc_deadline)
		entry->ecx |= ECX1_TSC_DEADLINE;
	entry->edx &= ~(uint32_t)EDX1_HTT;
	if (cpus > 1)
		entry->edx |= EDX1_HTT;
}

/* Levels 1 and 2 belong to a core, level 3 to the package. */
static void adapt_caches(struct kvm_cpuid_entry2 *entry, unsigned cpus)
{
	uint32_t type = entry->eax & 0x1f, level = entry->eax >> 5 & 7;

	if (type == 0)
		return;
	entry->eax &= 0x3fff;
	if (level >= 3)
		entry->eax |= (cpus - 1) << 14;
	if (entry->function == LEAF_CACHES) /* Intel's has the number of cores as well */
		entry->eax |= (cpus - 1) << 26;
}

static void adapt_entry(struct kvm_cpuid_entry2 *entry, unsigned index, unsigned cpus,
			bool tsc_deadline)
{
	switch (entry->function) {
	case LEAF_FEATURES:
		adapt_features(entry, index, cpus, tsc_deadline);
		break;
	case LEAF_CACHES:
	case LEAF_AMD_CACHES:
		adapt_caches(entry, cpus);
		break;
	case LEAF_AMD_FEATURES:
		entry->ecx &= ~(uint32_t)AMD_ECX_SVM;
		break;
	case LEAF_AMD_SIZES: /* number of cores - 1, and bits of an APIC id */
		entry->ecx = (entry->ecx & ~0xf0ffu) | (cpus - 1) | id_bits(cpus) << 12;
		break;
	case LEAF_AMD_TOPOLOGY: /* one thread a core, one node */
		entry->eax = index;
		entry->ebx = index;
		entry->ecx = 0;
		break;
	}
}

static void add_level(struct cpuid *cpuid, uint32_t subleaf, uint32_t type, uint32_t shift,
		      uint32_t processors, uint32_t id)
{
	cpuid->entries[cpuid->header.nent++] = (struct kvm_cpuid_entry2){
		.function = LEAF_TOPOLOGY,
		.index = subleaf,
		.flags = KVM_CPUID_FLAG_SIGNIFCANT_INDEX,
		.eax = shift,
		.ebx = processors,
		.ecx = type << 8 | subleaf,
		.edx = id,
	};
}

/* KVM offers the extended topology leaves empty, or with the host's values. */
static void replace_topology(struct cpuid *cpuid, unsigned index, unsigned cpus)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < cpuid->header.nent; i++) {
		uint32_t function = cpuid->entries[i].function;

		if (function != LEAF_TOPOLOGY && function != LEAF_TOPOLOGY_V2)
			cpuid->entries[kept++] = cpuid->entries[i];
	}
	cpuid->header.nent = kept;
	if (kept + 2 > CPUID_ENTRIES_MAX)
		return;
	add_level(cpuid, 0, LEVEL_THREAD, 0, 1, index);
	add_level(cpuid, 1, LEVEL_CORE, id_bits(cpus), cpus, index);
}

void cpuid_adapt(struct cpuid *cpuid, unsigned index, unsigned cpus, bool tsc_deadline)
{
	for (uint32_t i = 0; i < cpuid->header.nent; i++)
		adapt_entry(&cpuid->entries[i], index, cpus, tsc_deadline);
	replace_topology(cpuid, index, cpus);
}
