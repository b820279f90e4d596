/* What CPUID tells each vCPU. Bits: Intel SDM volume 2A, CPUID; AMD APM volume 3, appendix E. */
#include "machine/x86_64/guest_cpuid.h"

#include "unit.h"

static const unsigned counts[] = {1, 2, 3, 32};

/* Something like what KVM offers on a host with 2 threads a core and 16 threads a package. */
static const struct kvm_cpuid_entry2 offer[] = {
	{.function = 0, .eax = 0x1f, .ebx = 0x756e6547},
	/* APIC id 42, 16 logical processors, CLFLUSH 8; VMX, TSC-deadline, XSAVE; HTT, FPU */
	{.function = 1, .eax = 0x906ea, .ebx = 0x2a100800, .ecx = 0x05000020, .edx = 0x10000001},
	/* L1 data and instruction (2 threads each), L2 (2), L3 (16); 8 cores */
	{.function = 4, .index = 0, .flags = 1, .eax = 0x1c004121, .ebx = 0x01c0003f, .ecx = 63},
	{.function = 4, .index = 1, .flags = 1, .eax = 0x1c004122, .ebx = 0x01c0003f, .ecx = 63},
	{.function = 4, .index = 2, .flags = 1, .eax = 0x1c004143, .ebx = 0x00c0003f, .ecx = 1023},
	{.function = 4, .index = 3, .flags = 1, .eax = 0x1c03c163, .ebx = 0x02c0003f, .ecx = 12287},
	{.function = 4, .index = 4, .flags = 1},
	{.function = 7, .flags = 1, .eax = 2, .ebx = 0x029c6fbf, .edx = 0xbc000400},
	{.function = 0xb, .index = 0, .flags = 1, .eax = 1, .ebx = 2, .ecx = 0x100, .edx = 42},
	{.function = 0xb, .index = 1, .flags = 1, .eax = 4, .ebx = 16, .ecx = 0x201, .edx = 42},
	{.function = 0xb, .index = 2, .flags = 1, .ecx = 2, .edx = 42},
	{.function = 0x1f, .index = 0, .flags = 1, .eax = 1, .ebx = 2, .ecx = 0x100, .edx = 42},
	{.function = 0x40000000, .eax = 0x40000001, .ebx = 0x4b4d564b},
	{.function = 0x40000001, .eax = 0x01007efb},
	{.function = 0x80000000, .eax = 0x8000001f},
	/* SVM, LAHF, TopologyExtensions; NX, LM */
	{.function = 0x80000001, .ecx = 0x00400005, .edx = 0x20100800},
	/* PerfTscSize 2 and reserved bits are kept, 16 threads, 4 bits of APIC id */
	{.function = 0x80000008, .eax = 0x3030, .ebx = 0x1000, .ecx = 0x0002400f},
	/* L1 (2 threads), L3 (16 threads) */
	{.function = 0x8000001d, .index = 0, .flags = 1, .eax = 0x00004121, .ebx = 0x01c0003f},
	{.function = 0x8000001d, .index = 3, .flags = 1, .eax = 0x0003c163, .ebx = 0x03c0003f},
	{.function = 0x8000001d, .index = 4, .flags = 1},
	{.function = 0x8000001e, .eax = 42, .ebx = 0x0115, .ecx = 0x0301},
};

static struct cpuid adapt(unsigned index, unsigned cpus, bool tsc_deadline)
{
	struct cpuid cpuid = {.header = {.nent = COUNT(offer)}};

	memcpy(cpuid.entries, offer, sizeof(offer));
	cpuid_adapt(&cpuid, index, cpus, tsc_deadline);
	return cpuid;
}

static const struct kvm_cpuid_entry2 *find(const struct cpuid *cpuid, uint32_t function,
					   uint32_t index)
{
	for (uint32_t i = 0; i < cpuid->header.nent; i++)
		if (cpuid->entries[i].function == function && cpuid->entries[i].index == index)
			return &cpuid->entries[i];
	return NULL;
}

static const struct kvm_cpuid_entry2 *leaf(const struct cpuid *cpuid, uint32_t function,
					   uint32_t index)
{
	const struct kvm_cpuid_entry2 *found = find(cpuid, function, index);

	assert_each(found != NULL, "no leaf", function);
	return found;
}

/* Bits of an APIC id that tell COUNT cores apart. */
static unsigned bits_for(unsigned count)
{
	return count == 1 ? 0 : count == 2 ? 1 : count <= 4 ? 2 : 5;
}

static void feature_leaf(void **state)
{
	(void)state;
	for (unsigned i = 0; i < COUNT(counts); i++)
		for (unsigned index = 0; index < counts[i]; index++) {
			struct cpuid cpuid = adapt(index, counts[i], true);
			const struct kvm_cpuid_entry2 *one = leaf(&cpuid, 1, 0);

			assert_int_equal(one->ebx >> 24, index);
			/* Addressable ids in the package: a power of two. */
			assert_int_equal(one->ebx >> 16 & 0xff, 1u << bits_for(counts[i]));
			assert_int_equal(one->ebx & 0xffff, 0x0800);
			assert_int_equal(one->eax, 0x906ea);
			assert_int_equal(one->edx, counts[i] > 1 ? 0x10000001 : 0x00000001);
		}
}

static void nested_virtualisation_is_masked(void **state)
{
	struct cpuid cpuid = adapt(0, 2, true);

	(void)state;
	/* VMX gone, hypervisor bit set, the others kept */
	assert_int_equal(leaf(&cpuid, 1, 0)->ecx, 0x85000000);
	assert_int_equal(leaf(&cpuid, 0x80000001, 0)->ecx, 0x00400001);
	assert_int_equal(leaf(&cpuid, 0x80000001, 0)->edx, 0x20100800);
}

/* KVM offers it only with an in-kernel APIC that exists already; the caller asks separately. */
static void tsc_deadline_is_the_callers_word(void **state)
{
	struct cpuid with = adapt(0, 1, true), without = adapt(0, 1, false);
	struct cpuid bare = {.header = {.nent = 1}, .entries = {{.function = 1}}};

	(void)state;
	assert_true(leaf(&with, 1, 0)->ecx & 1 << 24);
	assert_false(leaf(&without, 1, 0)->ecx & 1 << 24);
	cpuid_adapt(&bare, 0, 1, true);
	assert_true(leaf(&bare, 1, 0)->ecx & 1 << 24);
}

static void topology_leaves(void **state)
{
	(void)state;
	for (unsigned i = 0; i < COUNT(counts); i++)
		for (unsigned index = 0; index < counts[i]; index++) {
			struct cpuid cpuid = adapt(index, counts[i], true);
			const struct kvm_cpuid_entry2 *thread = leaf(&cpuid, 0xb, 0);
			const struct kvm_cpuid_entry2 *core = leaf(&cpuid, 0xb, 1);

			/* Level type 1 (SMT), one thread, no id bits. */
			assert_int_equal(thread->eax, 0);
			assert_int_equal(thread->ebx, 1);
			assert_int_equal(thread->ecx, 0x100);
			assert_int_equal(thread->edx, index);
			/* Level type 2 (core). */
			assert_int_equal(core->eax, bits_for(counts[i]));
			assert_int_equal(core->ebx, counts[i]);
			assert_int_equal(core->ecx, 0x201);
			assert_int_equal(core->edx, index);
			assert_int_equal(thread->flags, KVM_CPUID_FLAG_SIGNIFCANT_INDEX);
			assert_int_equal(core->flags, KVM_CPUID_FLAG_SIGNIFCANT_INDEX);
		}
}

static void the_hosts_topology_is_gone(void **state)
{
	struct cpuid cpuid = adapt(1, 2, true);
	unsigned levels = 0;

	(void)state;
	for (uint32_t i = 0; i < cpuid.header.nent; i++) {
		assert_int_not_equal(cpuid.entries[i].function, 0x1f);
		levels += cpuid.entries[i].function == 0xb;
	}
	assert_int_equal(levels, 2);
	assert_int_equal(cpuid.header.nent, COUNT(offer) - 4 + 2);
}

/* Bits 31–26: cores a package - 1; 25–14: threads that share the cache - 1. */
static void intel_caches(void **state)
{
	(void)state;
	for (unsigned i = 0; i < COUNT(counts); i++) {
		struct cpuid cpuid = adapt(0, counts[i], true);
		uint32_t cores = (counts[i] - 1) << 26;

		assert_int_equal(leaf(&cpuid, 4, 0)->eax, cores | 0x121);
		assert_int_equal(leaf(&cpuid, 4, 1)->eax, cores | 0x122);
		assert_int_equal(leaf(&cpuid, 4, 2)->eax, cores | 0x143);
		assert_int_equal(leaf(&cpuid, 4, 3)->eax, cores | (counts[i] - 1) << 14 | 0x163);
		assert_int_equal(leaf(&cpuid, 4, 4)->eax, 0);
		assert_int_equal(leaf(&cpuid, 4, 3)->ebx, 0x02c0003f);
		assert_int_equal(leaf(&cpuid, 4, 3)->ecx, 12287);
	}
}

static void amd_sizes_and_ids(void **state)
{
	(void)state;
	for (unsigned i = 0; i < COUNT(counts); i++) {
		unsigned last = counts[i] - 1;
		struct cpuid cpuid = adapt(last, counts[i], true);
		const struct kvm_cpuid_entry2 *sizes = leaf(&cpuid, 0x80000008, 0);
		const struct kvm_cpuid_entry2 *ids = leaf(&cpuid, 0x8000001e, 0);

		/* NC, bits 7–0; ApicIdSize, bits 15–12; PerfTscSize, bits 17–16 */
		assert_int_equal(sizes->ecx, 0x20000 | bits_for(counts[i]) << 12 | last);
		assert_int_equal(sizes->eax, 0x3030);
		assert_int_equal(sizes->ebx, 0x1000);
		/* Extended APIC id; core id with one thread a core; node 0 of one */
		assert_int_equal(ids->eax, last);
		assert_int_equal(ids->ebx, last);
		assert_int_equal(ids->ecx, 0);
	}
}

/* "One thread a core": the sharing counts of AMD's cache leaf (bits 25–14) must not be the host's,
 * or Linux takes vCPUs 0 and 1 for threads of one core. */
static void amd_caches(void **state)
{
	(void)state;
	for (unsigned i = 0; i < COUNT(counts); i++) {
		struct cpuid cpuid = adapt(0, counts[i], true);

		assert_int_equal(leaf(&cpuid, 0x8000001d, 0)->eax, 0x121);
		assert_int_equal(leaf(&cpuid, 0x8000001d, 3)->eax, (counts[i] - 1) << 14 | 0x163);
		assert_int_equal(leaf(&cpuid, 0x8000001d, 4)->eax, 0);
	}
}

static void other_leaves_are_kept(void **state)
{
	static const uint32_t kept[] = {0, 7, 0x40000000, 0x40000001, 0x80000000};
	struct cpuid cpuid = adapt(1, 3, true);

	(void)state;
	for (unsigned i = 0; i < COUNT(kept); i++)
		for (unsigned j = 0; j < COUNT(offer); j++)
			if (offer[j].function == kept[i])
				assert_memory_equal(leaf(&cpuid, kept[i], 0), &offer[j],
						    sizeof(offer[j]));
}

/* The caller may use one table for all vCPUs, one after another. */
static void adapting_again_is_adapting_once(void **state)
{
	struct cpuid twice = adapt(0, 3, true), once = adapt(2, 3, true);

	(void)state;
	cpuid_adapt(&twice, 2, 3, true);
	assert_int_equal(twice.header.nent, once.header.nent);
	for (uint32_t i = 0; i < once.header.nent; i++)
		assert_memory_equal(leaf(&twice, once.entries[i].function, once.entries[i].index),
				    &once.entries[i], sizeof(once.entries[i]));
}

static void a_full_table_is_not_overrun(void **state)
{
	static struct {
		struct cpuid cpuid;
		uint8_t after[64];
	} table;
	static const uint8_t zero[64];

	(void)state;
	for (unsigned given = CPUID_ENTRIES_MAX - 2; given <= CPUID_ENTRIES_MAX; given++) {
		memset(&table, 0, sizeof(table));
		table.cpuid.header.nent = given;
		for (unsigned i = 0; i < given; i++)
			table.cpuid.entries[i].function = 0x40000010 + i;
		cpuid_adapt(&table.cpuid, 0, 2, true);
		assert_true(table.cpuid.header.nent <= CPUID_ENTRIES_MAX);
		assert_memory_equal(table.after, zero, sizeof(zero));
	}
	memset(&table, 0, sizeof(table));
	cpuid_adapt(&table.cpuid, 0, 1, true);
	assert_int_equal(table.cpuid.header.nent, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(feature_leaf),
		cmocka_unit_test(nested_virtualisation_is_masked),
		cmocka_unit_test(tsc_deadline_is_the_callers_word),
		cmocka_unit_test(topology_leaves),
		cmocka_unit_test(the_hosts_topology_is_gone),
		cmocka_unit_test(intel_caches),
		cmocka_unit_test(amd_sizes_and_ids),
		cmocka_unit_test(amd_caches),
		cmocka_unit_test(other_leaves_are_kept),
		cmocka_unit_test(adapting_again_is_adapting_once),
		cmocka_unit_test(a_full_table_is_not_overrun),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
