/* KVM needs VT-x or AMD-V to run Linux. If KVM works without both (PVM), it emulates guest
 * kernels. */
#include "machine/arch.h"
#include "base/facts.h"
#include "commands/doctor.h"

static const char *extension(const char *cpuinfo)
{
	if (facts_has_word(cpuinfo, "flags", "vmx"))
		return "VT-x";
	return facts_has_word(cpuinfo, "flags", "svm") ? "AMD-V" : NULL;
}

void arch_examine(struct doctor *doctor, const struct kvm *kvm)
{
	char cpuinfo[8192]; /* the first CPU's lines */
	const char *name;

	if (!doctor_read("/proc/cpuinfo", cpuinfo, sizeof(cpuinfo)))
		return;
	name = extension(cpuinfo);
	bool nested = facts_has_word(cpuinfo, "flags", "hypervisor");
	if (name)
		doctor_find(doctor, kvm->vm < 0 ? FINDING_INFO : FINDING_OK, NULL,
			    "%sthe CPU has %s%s", kvm->vm < 0 ? "" : "Linux can run: ", name,
			    nested ? ", nested in another hypervisor's VM" : "");
	else
		doctor_find(doctor, FINDING_FAIL,
			    nested ? "use another host, or have this VM's host offer nested "
				     "virtualisation"
				   : "enable VT-x or AMD-V in the firmware, or use another host",
			    kvm->vm < 0 ? "the CPU has neither VT-x nor AMD-V"
					: "this host's KVM emulates guest kernels (the CPU has "
					  "neither VT-x nor AMD-V): small bare guests run, Linux "
					  "does not");
}
