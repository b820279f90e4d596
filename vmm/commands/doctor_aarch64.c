/* Guests need an interrupt controller from the host, and addresses up to the end of their
 * memory. */
#include "machine/arch.h"
#include "commands/doctor.h"
#include "machine/aarch64/irqchip.h"

#include <linux/kvm.h>
#include <sys/ioctl.h>

static void find_controller(struct doctor *doctor, const struct kvm *kvm)
{
	if (irqchip_is_offered(kvm, 3))
		doctor_find(doctor, FINDING_OK, NULL, "Linux can run: the host has a GICv3");
	else if (irqchip_is_offered(kvm, 2))
		doctor_find(doctor, FINDING_OK, NULL,
			    "Linux can run: the host has a GICv2, for %d CPUs at most", GICV2_CPUS);
	else
		doctor_find(doctor, FINDING_FAIL, "use a host with either, or a newer kernel",
			    "KVM offers neither a GICv3 nor a GICv2");
}

static void find_addresses(struct doctor *doctor, const struct kvm *kvm)
{
	int bits = ioctl(kvm->system, KVM_CHECK_EXTENSION, KVM_CAP_ARM_VM_IPA_SIZE);

	/* Before Linux 4.20 guests always had 40 bits. */
	if (bits <= 0)
		bits = 40;
	if (1ull << bits >= ARCH_HOLE_START)
		doctor_find(doctor, FINDING_INFO, NULL, "guests' addresses have %d bits", bits);
	else
		doctor_find(doctor, FINDING_WARN, "give guests no more memory than that",
			    "guests' addresses have only %d bits: at most %llu MiB of memory", bits,
			    ((1ull << bits) - ARCH_RAM) >> 20);
}

void arch_examine(struct doctor *doctor, const struct kvm *kvm)
{
	if (kvm->vm < 0)
		return;
	find_controller(doctor, kvm);
	find_addresses(doctor, kvm);
}
