/* Registers of a vCPU, by KVM_GET_ONE_REG and KVM_SET_ONE_REG. */
#ifndef MAYFLY_REGISTERS_H
#define MAYFLY_REGISTERS_H

#include <linux/kvm.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Names for KVM: a general register by its place in struct kvm_regs, a system register by its
 * encoding. */
#define CORE_REGISTER(member)                                  \
	(KVM_REG_ARM64 | KVM_REG_SIZE_U64 | KVM_REG_ARM_CORE | \
	 offsetof(struct kvm_regs, member) / sizeof(uint32_t))
#define SYSTEM_REGISTER(op0, op1, crn, crm, op2) ARM64_SYS_REG(op0, op1, crn, crm, op2)

#define REGISTER_MPIDR SYSTEM_REGISTER(3, 0, 0, 0, 5)
#define REGISTER_MMFR0 SYSTEM_REGISTER(3, 0, 0, 7, 0)
#define REGISTER_ESR SYSTEM_REGISTER(3, 0, 5, 2, 0)
#define REGISTER_FAR SYSTEM_REGISTER(3, 0, 6, 0, 0)

bool register_get(int vcpu, uint64_t name, uint64_t *value);
bool register_set(int vcpu, uint64_t name, uint64_t value);

#endif
