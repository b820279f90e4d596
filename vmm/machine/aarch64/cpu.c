/* The state in which vCPUs begin: Documentation/arch/arm64/booting.rst, and off but for the
 * first. */
#include "machine/arch.h"
#include "machine/aarch64/registers.h"
#include "tables/arm64_tree.h"

#include <errno.h>
#include <linux/kvm.h>
#include <string.h>
#include <sys/ioctl.h>

#include "machine/kvm.h"
#include "machine/vcpu.h"

#define MPIDR_AFFINITY 0xff00ffffffull

static bool has(const struct kvm *kvm, int capability)
{
	return ioctl(kvm->system, KVM_CHECK_EXTENSION, capability) > 0;
}

/* Pointer authentication goes with both capabilities or not at all. */
static uint32_t features(const struct kvm *kvm, unsigned index)
{
	uint32_t set = 1u << KVM_ARM_VCPU_PSCI_0_2;

	if (index)
		set |= 1u << KVM_ARM_VCPU_POWER_OFF;
	if (has(kvm, KVM_CAP_ARM_PTRAUTH_ADDRESS) && has(kvm, KVM_CAP_ARM_PTRAUTH_GENERIC))
		set |= 1u << KVM_ARM_VCPU_PTRAUTH_ADDRESS | 1u << KVM_ARM_VCPU_PTRAUTH_GENERIC;
	return set;
}

/* Accesses that KVM cannot decode, LDP's to a device, say, shall be exits that tell where, not
 * errors of KVM_RUN. The capability is of Linux 5.5; without it, the latter they are. */
static void ask_for_undecoded_accesses(const struct kvm *kvm)
{
	const struct kvm_enable_cap capability = {.cap = KVM_CAP_ARM_NISV_TO_USER};

	if (ioctl(kvm->vm, KVM_ENABLE_CAP, &capability) < 0)
		return;
}

static bool init(const struct kvm *kvm, const struct vcpu *vcpu)
{
	struct kvm_vcpu_init request;

	if (ioctl(kvm->vm, (int)KVM_ARM_PREFERRED_TARGET, &request) < 0)
		return false;
	request.features[0] |= features(kvm, vcpu->index);
	return ioctl(vcpu->fd, KVM_ARM_VCPU_INIT, &request) == 0;
}

static bool fail(const struct vcpu *vcpu, struct problem *problem)
{
	return problem_set(problem,
			   "KVM refuses the state of vCPU %u: %s (a newer host kernel is needed)",
			   vcpu->index, strerror(errno));
}

/* The device tree, which is written by now, names the CPUs as KVM does. */
static bool is_named_right(const struct vcpu *vcpu)
{
	uint64_t mpidr;

	if (!register_get(vcpu->fd, REGISTER_MPIDR, &mpidr))
		return false;
	errno = ENOTSUP;
	return (mpidr & MPIDR_AFFINITY) == arm64_mpidr(vcpu->index);
}

/* ID_AA64MMFR0_EL1.TGran4, .TGran16 and .TGran64 (Arm ARM D19.2.66). A kernel whose pages the
 * CPU does not have would stop before it can say so. */
static bool has_pages(const struct vcpu *vcpu, uint32_t size)
{
	uint64_t features;

	if (!register_get(vcpu->fd, REGISTER_MMFR0, &features))
		return true;
	switch (size) {
	case 4096:
		return (features >> 28 & 15) != 15;
	case 16384:
		return (features >> 20 & 15) != 0;
	case 65536:
		return (features >> 24 & 15) != 15;
	default:
		return true;
	}
}

/* KVM's reset state is what the protocol asks for: EL1, interrupts masked, MMU off. */
static bool init_vcpu(const struct kvm *kvm, const struct vcpu *vcpu,
		      const struct boot_entry *entry, struct problem *problem)
{
	if (!init(kvm, vcpu))
		return fail(vcpu, problem);
	if (!has_pages(vcpu, entry->page_size))
		return problem_set(
			problem,
			"the kernel has pages of %u KiB, and this CPU has none of that size "
			"(give a kernel with CONFIG_ARM64_4K_PAGES)",
			entry->page_size >> 10);
	if (is_named_right(vcpu) &&
	    (vcpu->index != 0 ||
	     (register_set(vcpu->fd, CORE_REGISTER(regs.pc), entry->entry) &&
	      register_set(vcpu->fd, CORE_REGISTER(regs.regs[0]), entry->argument))))
		return true;
	return fail(vcpu, problem);
}

bool arch_init_vcpus(const struct kvm *kvm, const struct vcpu *vcpus, unsigned cpus,
		     const struct boot_entry *entry, struct problem *problem)
{
	ask_for_undecoded_accesses(kvm);
	for (unsigned i = 0; i < cpus; i++)
		if (!init_vcpu(kvm, &vcpus[i], entry, problem))
			return false;
	return true;
}
