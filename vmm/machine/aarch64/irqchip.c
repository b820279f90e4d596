/* The interrupt controller in the kernel: a GICv3 or, where the host has none, a GICv2. No ITS.
 * Documentation/virt/kvm/devices/arm-vgic-v3.rst and arm-vgic.rst. */
#include "machine/aarch64/irqchip.h"
#include "machine/arch.h"

#include <errno.h>
#include <linux/kvm.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "machine/kvm.h"

static const struct gic {
	unsigned version;
	uint32_t device;
	struct {
		uint32_t type;
		uint64_t address;
	} regions[2];
} gics[] = {
	{3,
	 KVM_DEV_TYPE_ARM_VGIC_V3,
	 {{KVM_VGIC_V3_ADDR_TYPE_DIST, LAYOUT_FIRST_GIC_DISTRIBUTOR},
	  {KVM_VGIC_V3_ADDR_TYPE_REDIST, LAYOUT_FIRST_GIC_REDISTRIBUTORS}}},
	{2,
	 KVM_DEV_TYPE_ARM_VGIC_V2,
	 {{KVM_VGIC_V2_ADDR_TYPE_DIST, LAYOUT_FIRST_GIC_DISTRIBUTOR},
	  {KVM_VGIC_V2_ADDR_TYPE_CPU, LAYOUT_FIRST_GIC_CPU_INTERFACE}}},
};

static bool set(int fd, uint32_t group, uint64_t attribute, const void *value)
{
	const struct kvm_device_attr what = {
		.group = group, .attr = attribute, .addr = (uintptr_t)value};

	return ioctl(fd, KVM_SET_DEVICE_ATTR, &what) == 0;
}

static bool place(int fd, const struct gic *gic)
{
	const uint32_t interrupts = INTERRUPTS;

	for (unsigned i = 0; i < 2; i++)
		if (!set(fd, KVM_DEV_ARM_VGIC_GRP_ADDR, gic->regions[i].type,
			 &gic->regions[i].address))
			return false;
	return set(fd, KVM_DEV_ARM_VGIC_GRP_NR_IRQS, 0, &interrupts);
}

/* NULL with errno set if the host has neither. */
static const struct gic *create(const struct kvm *kvm, struct irqchip *irqchip)
{
	for (size_t i = 0; i < sizeof(gics) / sizeof(gics[0]); i++) {
		struct kvm_create_device device = {.type = gics[i].device};

		if (ioctl(kvm->vm, (int)KVM_CREATE_DEVICE, &device) == 0) {
			*irqchip = (struct irqchip){(int)device.fd, gics[i].version};
			return &gics[i];
		}
		if (errno != ENODEV && errno != ENXIO)
			return NULL;
	}
	return NULL;
}

bool irqchip_is_offered(const struct kvm *kvm, unsigned version)
{
	for (size_t i = 0; i < sizeof(gics) / sizeof(gics[0]); i++) {
		struct kvm_create_device device = {.type = gics[i].device,
						   .flags = KVM_CREATE_DEVICE_TEST};

		if (gics[i].version == version)
			return ioctl(kvm->vm, (int)KVM_CREATE_DEVICE, &device) == 0;
	}
	return false;
}

static bool fail(struct problem *problem)
{
	return problem_set(
		problem,
		"KVM refuses an interrupt controller: %s (a host with a GICv3 or GICv2, or "
		"a newer kernel, is needed)",
		strerror(errno));
}

bool arch_create_irqchip(const struct kvm *kvm, unsigned cpus, struct irqchip *irqchip,
			 struct problem *problem)
{
	const struct gic *gic = create(kvm, irqchip);

	if (!gic || !place(irqchip->fd, gic))
		return fail(problem);
	if (gic->version == 2 && cpus > GICV2_CPUS)
		return problem_set(
			problem,
			"this host's interrupt controller, a GICv2, serves %d CPUs at most (give "
			"the guest fewer with -c)",
			GICV2_CPUS);
	return true;
}

bool arch_start_irqchip(struct irqchip *irqchip, struct problem *problem)
{
	if (!set(irqchip->fd, KVM_DEV_ARM_VGIC_GRP_CTRL, KVM_DEV_ARM_VGIC_CTRL_INIT, NULL))
		return fail(problem);
	close(irqchip->fd); /* the VM keeps it */
	return true;
}
