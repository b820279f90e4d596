/* The interrupt controllers of a PC, all of them in KVM. */
#include "machine/arch.h"

#include <errno.h>
#include <linux/kvm.h>
#include <string.h>
#include <sys/ioctl.h>

#include "machine/kvm.h"

/* I/O APIC, local APICs and PIC in the kernel; no PIT: kernels take the TSC's rate from
 * kvm-clock. */
bool arch_create_irqchip(const struct kvm *kvm, unsigned cpus, struct irqchip *irqchip,
			 struct problem *problem)
{
	uint64_t identity_map = LAYOUT_IDENTITY_MAP;

	(void)cpus;
	(void)irqchip;
	/* Only VT-x without unrestricted guests uses these two; others ignore them. */
	if (ioctl(kvm->vm, KVM_SET_IDENTITY_MAP_ADDR, &identity_map) < 0 ||
	    ioctl(kvm->vm, KVM_SET_TSS_ADDR, (unsigned long)LAYOUT_TSS) < 0 ||
	    ioctl(kvm->vm, KVM_CREATE_IRQCHIP, 0) < 0)
		return problem_set(
			problem,
			"KVM refuses an interrupt controller: %s (a newer host kernel is "
			"needed)",
			strerror(errno));
	return true;
}

/* It is complete from the beginning. */
bool arch_start_irqchip(struct irqchip *irqchip, struct problem *problem)
{
	(void)irqchip;
	(void)problem;
	return true;
}
