/* Why a guest cannot go on, in one line. */
#include "machine/arch.h"
#include "machine/crash.h"

#include <cpuid.h>
#include <linux/kvm.h>
#include <string.h>
#include <sys/ioctl.h>

#include "base/ending.h"
#include "base/text.h"
#include "machine/vcpu.h"

enum { ECX1_VMX = 1 << 5, AMD_ECX_SVM = 1 << 2 };

/* A host without VT-x and AMD-V whose KVM works all the same emulates guest kernels (PVM). */
static bool host_emulates_kernels(void)
{
	unsigned eax, ebx, ecx, edx;

	if (__get_cpuid(1, &eax, &ebx, &ecx, &edx) && (ecx & ECX1_VMX))
		return false;
	return !(__get_cpuid(0x80000001, &eax, &ebx, &ecx, &edx) && (ecx & AMD_ECX_SVM));
}

/* The bytes of the instruction that KVM could not emulate, as hexadecimal text; OUT holds 46. */
static void instruction_bytes(const struct kvm_run *seen, char *out)
{
	static const char digits[] = "0123456789abcdef";
	unsigned size = seen->emulation_failure.insn_size;

	if (seen->emulation_failure.ndata < 3 ||
	    !(seen->emulation_failure.flags & KVM_INTERNAL_ERROR_EMULATION_FLAG_INSTRUCTION_BYTES))
		size = 0;
	for (unsigned i = 0; i < size && i < 15; i++) {
		uint8_t byte = seen->emulation_failure.insn_bytes[i];

		*out++ = digits[byte >> 4];
		*out++ = digits[byte & 15];
		*out++ = ' ';
	}
	strcpy(out, size ? "" : "unknown ");
}

static const char *emulation_mend(void)
{
	return host_emulates_kernels()
		       ? "this host's KVM emulates guest kernels and lacks that instruction: use a host "
			 "with VT-x or AMD-V"
		       : "the guest jumped into nowhere, or this host's KVM is too old for it";
}

static void describe_emulation(const struct kvm_run *seen, const char *where, struct problem *text)
{
	char bytes[48];

	instruction_bytes(seen, bytes);
	problem_set(text, "the guest stopped: KVM cannot emulate the instruction %sat %s (%s)",
		    bytes, where, emulation_mend());
}

/* Asks KVM to write the registers into the shared area: with immediate_exit, KVM_RUN does nothing
 * but that, so that the filter needs no other ioctl. The exit's own data is kept. */
static void sync_registers(const struct vcpu *vcpu, lockdown_t lockdown)
{
	vcpu->run->kvm_valid_regs = KVM_SYNC_X86_REGS | KVM_SYNC_X86_SREGS;
	vcpu->run->immediate_exit = 1;
	if (!vcpu_enter(vcpu, lockdown))
		return; /* EINTR, as asked for */
}

static void describe(const struct kvm_run *seen, const struct kvm_run *registers,
		     struct problem *text)
{
	const struct kvm_regs *regs = &registers->s.regs.regs;
	const struct kvm_sregs *sregs = &registers->s.regs.sregs;
	struct text where;

	text_set(&where,
		 "rip=0x%llx rsp=0x%llx cr0=0x%llx cr2=0x%llx cr3=0x%llx cr4=0x%llx efer=0x%llx",
		 regs->rip, regs->rsp, sregs->cr0, sregs->cr2, sregs->cr3, sregs->cr4, sregs->efer);
	if (seen->exit_reason == KVM_EXIT_INTERNAL_ERROR &&
	    seen->internal.suberror == KVM_INTERNAL_ERROR_EMULATION)
		describe_emulation(seen, where.text, text);
	else if (seen->exit_reason == KVM_EXIT_SHUTDOWN)
		problem_set(text, "the guest crashed: triple fault at %s (-v shows its log)",
			    where.text);
	else
		crash_describe(seen, where.text, text);
}

void arch_end(const struct vcpu *vcpu, lockdown_t lockdown)
{
	struct kvm_run seen = *vcpu->run;
	struct problem text;

	sync_registers(vcpu, lockdown);
	describe(&seen, vcpu->run, &text);
	ending_set(vcpu->ending, END_CRASH, 0, &text);
}

/* KVM_RUN does it all. */
void arch_allow(struct sysfilter *filter)
{
	(void)filter;
}
