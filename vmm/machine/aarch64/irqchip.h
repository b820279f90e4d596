/* Which interrupt controllers the host has for guests. */
#ifndef MAYFLY_AARCH64_IRQCHIP_H
#define MAYFLY_AARCH64_IRQCHIP_H

#include <stdbool.h>

#include "machine/kvm.h"

#define GICV2_CPUS 8

/* KVM would make a GIC of VERSION, 2 or 3, for KVM's VM. Makes none. */
bool irqchip_is_offered(const struct kvm *kvm, unsigned version);

#endif
