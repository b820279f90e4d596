#include "machine/crash.h"

#include <linux/kvm.h>

void crash_describe(const struct kvm_run *seen, const char *where, struct problem *text)
{
	switch (seen->exit_reason) {
	case KVM_EXIT_FAIL_ENTRY:
		problem_set(
			text,
			"the guest stopped: the CPU refuses to enter it, reason 0x%llx, at %s (see "
			"the host's kernel log: dmesg)",
			(unsigned long long)seen->fail_entry.hardware_entry_failure_reason, where);
		break;
	case KVM_EXIT_INTERNAL_ERROR:
		problem_set(
			text,
			"the guest stopped: KVM reports internal error %u at %s (see the host's "
			"kernel log: dmesg)",
			seen->internal.suberror, where);
		break;
	default:
		problem_set(text,
			    "the guest stopped: KVM exit %u, which mayfly does not know, at %s",
			    seen->exit_reason, where);
	}
}
