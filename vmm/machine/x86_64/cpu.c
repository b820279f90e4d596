/* The state in which vCPUs begin. */
#include "machine/arch.h"
#include "kernel/image.h"
#include "machine/x86_64/guest_cpuid.h"

#include <errno.h>
#include <linux/kvm.h>
#include <string.h>
#include <sys/ioctl.h>

#include "base/report.h"
#include "machine/kvm.h"
#include "machine/vcpu.h"

enum {
	CR0_PE = 1 << 0,
	CR0_ET = 1 << 4,
	CR4_PAE = 1 << 5,
	EFER_LME = 1 << 8,
	EFER_LMA = 1 << 10,
	RFLAGS_RESERVED = 1 << 1,
};
#define CR0_PG (1u << 31)

/* The boot protocols' selectors: __BOOT_CS, __BOOT_DS, and a task segment behind them. */
enum { BOOT_CS = 0x10, BOOT_DS = 0x18, BOOT_TSS = 0x20, GDT_LIMIT = 0x27 };

enum { TYPE_CODE = 0xb, TYPE_DATA = 0x3, TYPE_TSS = 0xb };

#define MSR_MISC_ENABLE 0x1a0
#define MSR_MTRR_DEF_TYPE 0x2ff
#define MISC_FAST_STRING 1
#define MTRR_ENABLED_WRITE_BACK 0x806 /* KVM's reset value would make all memory uncached */

static bool set_cpuid(const struct vcpu *vcpu, unsigned cpus, bool tsc_deadline,
		      const struct cpuid *offer)
{
	struct cpuid cpuid = *offer;

	cpuid_adapt(&cpuid, vcpu->index, cpus, tsc_deadline);
	return ioctl(vcpu->fd, KVM_SET_CPUID2, &cpuid) == 0;
}

static bool set_msrs(const struct vcpu *vcpu)
{
	struct {
		struct kvm_msrs header;
		struct kvm_msr_entry entries[2];
	} msrs = {
		.header.nmsrs = 2,
		.entries =
			{
				{.index = MSR_MISC_ENABLE, .data = MISC_FAST_STRING},
				{.index = MSR_MTRR_DEF_TYPE, .data = MTRR_ENABLED_WRITE_BACK},
			},
	};

	return ioctl(vcpu->fd, KVM_SET_MSRS, &msrs) == 2;
}

static struct kvm_segment flat_segment(uint16_t selector, uint8_t type, bool long_mode)
{
	bool code = selector == BOOT_CS;

	return (struct kvm_segment){
		.selector = selector,
		.limit = UINT32_MAX,
		.type = type,
		.present = 1,
		.s = 1,
		.g = 1,
		.l = code && long_mode,
		.db = !(code && long_mode),
	};
}

static void set_segments(struct kvm_sregs *sregs, bool long_mode)
{
	struct kvm_segment data = flat_segment(BOOT_DS, TYPE_DATA, long_mode);

	sregs->cs = flat_segment(BOOT_CS, TYPE_CODE, long_mode);
	sregs->ds = sregs->es = sregs->fs = sregs->gs = sregs->ss = data;
	sregs->tr = (struct kvm_segment){
		.selector = BOOT_TSS, .limit = 0x67, .type = TYPE_TSS, .present = 1};
	sregs->gdt.base = LAYOUT_GDT;
	sregs->gdt.limit = GDT_LIMIT;
	sregs->idt.limit = 0;
}

/* PVH enters in 32-bit protected mode with paging off, a bzImage in 64-bit mode with memory mapped
 * one to one. */
static bool set_sregs(const struct vcpu *vcpu, bool long_mode)
{
	struct kvm_sregs sregs;

	if (ioctl(vcpu->fd, (int)KVM_GET_SREGS, &sregs) < 0)
		return false;
	set_segments(&sregs, long_mode);
	sregs.cr0 = CR0_PE | CR0_ET;
	if (long_mode) {
		sregs.cr0 |= CR0_PG;
		sregs.cr3 = LAYOUT_PAGE_TABLES;
		sregs.cr4 = CR4_PAE;
		sregs.efer = EFER_LME | EFER_LMA;
	}
	return ioctl(vcpu->fd, KVM_SET_SREGS, &sregs) == 0;
}

static bool set_regs(const struct vcpu *vcpu, const struct boot_entry *entry)
{
	struct kvm_regs regs = {.rip = entry->entry, .rflags = RFLAGS_RESERVED};

	if (entry->mode == IMAGE_PVH)
		regs.rbx = entry->argument;
	else
		regs.rsi = entry->argument;
	return ioctl(vcpu->fd, KVM_SET_REGS, &regs) == 0;
}

/* The other vCPUs stay as KVM made them: waiting for the guest's INIT and SIPI. */
static bool init_vcpu(const struct vcpu *vcpu, const struct boot_entry *entry)
{
	return set_msrs(vcpu) &&
	       (vcpu->index != 0 ||
		(set_sregs(vcpu, entry->mode == IMAGE_BZIMAGE) && set_regs(vcpu, entry)));
}

/* KVM is asked for its offer once: where the host is a virtual machine itself, each of its
 * leaves is a trap. */
bool arch_init_vcpus(const struct kvm *kvm, const struct vcpu *vcpus, unsigned cpus,
		     const struct boot_entry *entry, struct problem *problem)
{
	struct cpuid offer = {.header.nent = CPUID_ENTRIES_MAX};
	bool tsc_deadline = ioctl(kvm->system, KVM_CHECK_EXTENSION, KVM_CAP_TSC_DEADLINE_TIMER) > 0;
	bool offered = ioctl(kvm->system, (int)KVM_GET_SUPPORTED_CPUID, &offer) == 0;

	for (const struct vcpu *vcpu = vcpus; vcpu < vcpus + cpus; vcpu++)
		if (!offered || !set_cpuid(vcpu, cpus, tsc_deadline, &offer) ||
		    !init_vcpu(vcpu, entry))
			return problem_set(problem,
					   "KVM refuses the state of vCPU %u: %s (a newer host "
					   "kernel is needed)",
					   vcpu->index, strerror(errno));
	return true;
}
