/* How a guest ends: by calls to PSCI (Arm DEN 0022), which KVM answers, or because it cannot go
 * on. */
#include "machine/arch.h"
#include "devices/pl031.h"
#include "machine/aarch64/registers.h"
#include "machine/crash.h"

#include <sys/ioctl.h>

#include "base/ending.h"
#include "base/fdplan.h"
#include "base/sysfilter.h"
#include "base/text.h"
#include "machine/vcpu.h"

#define PSCI_1_1 0x10001

/* PSCI 1.1 has warm resets, which Linux asks for after a panic (reboot=panic_warm). Where the
 * host's KVM is older, every reset is a cold one. */
static enum end_cause cause_of_reset(const struct vcpu *vcpu, struct problem *text)
{
	uint64_t version = 0;

	/* Where KVM has no ndata yet, the flags are all there is, and they lie where the first
	 * of the data does. */
	if (vcpu->run->system_event.data[0] & KVM_SYSTEM_EVENT_RESET_FLAG_PSCI_RESET2)
		return END_PANIC;
	if (register_get(vcpu->fd, KVM_REG_ARM_PSCI_VERSION, &version) && version >= PSCI_1_1)
		return END_RESET;
	problem_set(
		text,
		"the guest reset itself, perhaps after a panic: this host's KVM cannot tell (use "
		"Linux 5.18 or newer on it, or let the guest power off)");
	return END_CRASH;
}

static enum end_cause cause_of_event(const struct vcpu *vcpu, struct problem *text)
{
	switch (vcpu->run->system_event.type) {
	case KVM_SYSTEM_EVENT_SHUTDOWN:
		return END_POWER_OFF;
	case KVM_SYSTEM_EVENT_RESET:
		return cause_of_reset(vcpu, text);
	case KVM_SYSTEM_EVENT_CRASH:
		return END_PANIC;
	default:
		problem_set(text,
			    "the guest stopped: KVM system event %u, which mayfly does not know",
			    vcpu->run->system_event.type);
		return END_CRASH;
	}
}

static void describe_registers(const struct vcpu *vcpu, struct text *text)
{
	static const struct {
		const char *name;
		uint64_t number;
	} registers[] = {
		{"pc", CORE_REGISTER(regs.pc)},
		{"sp", CORE_REGISTER(sp_el1)},
		{"pstate", CORE_REGISTER(regs.pstate)},
		{"lr", CORE_REGISTER(regs.regs[30])},
		{"elr", CORE_REGISTER(elr_el1)},
		{"esr", REGISTER_ESR},
		{"far", REGISTER_FAR},
	};

	text_begin(text);
	for (size_t i = 0; i < sizeof(registers) / sizeof(registers[0]); i++) {
		uint64_t value = 0;

		register_get(vcpu->fd, registers[i].number, &value);
		text_add(text, "%s%s=0x%llx", i ? " " : "", registers[i].name,
			 (unsigned long long)value);
	}
}

static void describe_crash(const struct vcpu *vcpu, struct problem *text)
{
	const struct kvm_run *run = vcpu->run;
	struct text where;

	describe_registers(vcpu, &where);
	if (run->exit_reason != KVM_EXIT_ARM_NISV) {
		crash_describe(run, where.text, text);
		return;
	}
	problem_set(text,
		    "the guest stopped: it accessed 0x%llx, which is no memory, in a way that "
		    "devices do not take, at %s (-v shows its log)",
		    (unsigned long long)run->arm_nisv.fault_ipa, where.text);
}

void arch_end(const struct vcpu *vcpu, lockdown_t lockdown)
{
	enum end_cause cause = END_CRASH;
	struct problem text;

	(void)lockdown; /* each register is read by an ioctl of its own */
	if (vcpu->run->exit_reason == KVM_EXIT_SYSTEM_EVENT)
		cause = cause_of_event(vcpu, &text);
	else
		describe_crash(vcpu, &text);
	ending_set(vcpu->ending, cause, 0, cause == END_CRASH ? &text : NULL);
}

void arch_allow(struct sysfilter *filter)
{
	pl031_allow(filter);
	/* the registers of a guest that stopped, and PSCI's version */
	sysfilter_allow_ioctl(filter, FD_VCPU, VCPUS_MAX, KVM_GET_ONE_REG);
}
