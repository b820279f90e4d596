#include "machine/aarch64/registers.h"

#include <sys/ioctl.h>

bool register_get(int vcpu, uint64_t name, uint64_t *value)
{
	const struct kvm_one_reg request = {.id = name, .addr = (uintptr_t)value};

	return ioctl(vcpu, KVM_GET_ONE_REG, &request) == 0;
}

bool register_set(int vcpu, uint64_t name, uint64_t value)
{
	const struct kvm_one_reg request = {.id = name, .addr = (uintptr_t)&value};

	return ioctl(vcpu, KVM_SET_ONE_REG, &request) == 0;
}
