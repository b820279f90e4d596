/* What CPUID tells the guest: KVM's offer, with ids and topology of this VM. */
#ifndef MAYFLY_GUEST_CPUID_H
#define MAYFLY_GUEST_CPUID_H

#include <linux/kvm.h>
#include <stdbool.h>

#define CPUID_ENTRIES_MAX 256

/* The ioctls want a header with the entries right behind it. */
struct cpuid {
	struct kvm_cpuid2 header;
	struct kvm_cpuid_entry2 entries[CPUID_ENTRIES_MAX];
};

/* Changes KVM's offer into what vCPU INDEX of CPUS sees: its APIC id, one thread a core, CPUS
 * cores a package, no nested virtualisation, the TSC-deadline timer if TSC_DEADLINE. No system
 * call. */
void cpuid_adapt(struct cpuid *cpuid, unsigned index, unsigned cpus, bool tsc_deadline);

#endif
