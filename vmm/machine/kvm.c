#include "machine/kvm.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "arch_layout.h"
#include "base/facts.h"
#include "base/fdplan.h"

/* What the user can do about an errno from open or KVM_CREATE_VM. */
static const struct {
	int error;
	const char *mend;
} mends[] = {
	{ENOENT, ARCH_LOAD_KVM "; in a VM or container, have its host offer it"},
	{ENXIO, ARCH_LOAD_KVM},
	{ENODEV, ARCH_ENABLE_KVM},
	{EACCES, "add your user to the kvm group: usermod -aG kvm $USER, then log in again"},
	{EPERM,
	 "the container or its policy forbids it: pass the device in, docker: --device /dev/kvm"},
	{EBUSY, "another hypervisor holds the CPU: stop VirtualBox or VMware"},
	{ENOMEM, "free some memory"},
	{EMFILE, "raise the limit on open files: ulimit -n"},
};

const char *kvm_mend(int error)
{
	for (size_t i = 0; i < sizeof(mends) / sizeof(mends[0]); i++)
		if (mends[i].error == error)
			return mends[i].mend;
	return "run as a user who may use KVM, on a host that has it";
}

/* Without these mayfly cannot run a guest; all are in Linux 4.20 and newer. */
static const struct {
	int number;
	const char *name;
} capabilities[] = {
	{KVM_CAP_USER_MEMORY, "USER_MEMORY"},
	{KVM_CAP_IRQCHIP, "IRQCHIP"},
	{KVM_CAP_IRQFD, "IRQFD"},
	{KVM_CAP_IOEVENTFD, "IOEVENTFD"},
	{KVM_CAP_MP_STATE, "MP_STATE"},
	{KVM_CAP_IMMEDIATE_EXIT, "IMMEDIATE_EXIT"},
};

bool kvm_check(struct kvm *kvm, const char *path, struct problem *problem)
{
	int version = ioctl(kvm->system, KVM_GET_API_VERSION, 0);
	int size = ioctl(kvm->system, KVM_GET_VCPU_MMAP_SIZE, 0);

	if (version != KVM_API_VERSION || size < (int)sizeof(struct kvm_run))
		return problem_set(problem,
				   "%s is not KVM, or of another version (%d instead of %d; "
				   "a Linux host with KVM is needed)",
				   path, version, KVM_API_VERSION);
	for (size_t i = 0; i < sizeof(capabilities) / sizeof(capabilities[0]); i++)
		if (ioctl(kvm->system, KVM_CHECK_EXTENSION, capabilities[i].number) <= 0)
			return problem_set(problem,
					   "%s lacks KVM_CAP_%s (a newer host kernel is needed)",
					   path, capabilities[i].name);
	kvm->run_size = (size_t)size;
	return true;
}

/* On Arm a guest's addresses have 40 bits, or as many as the host has if those are fewer; KVM's
 * default elsewhere. */
static unsigned long vm_type(int system)
{
	int bits = ioctl(system, KVM_CHECK_EXTENSION, KVM_CAP_ARM_VM_IPA_SIZE);

	return bits > 0 && bits < 40 ? KVM_VM_TYPE_ARM_IPA_SIZE((unsigned long)bits) : 0;
}

bool kvm_make_vm(struct kvm *kvm, const char *path, struct problem *problem)
{
	/* EINTR: a signal came while KVM waited for other processes. */
	do
		kvm->vm = ioctl(kvm->system, KVM_CREATE_VM, vm_type(kvm->system));
	while (kvm->vm < 0 && errno == EINTR);
	return kvm->vm >= 0 || problem_set(problem, "cannot make a VM with %s: %s (%s)", path,
					   strerror(errno), kvm_mend(errno));
}

/* Before Linux 6.14: its worker thread enters our cgroup, which changes only after a grace
 * period. */
static bool takes_long(void)
{
	struct utsname host;

	return ARCH_VM_HAS_WORKER && uname(&host) == 0 && !facts_is_release(host.release, 6, 14);
}

static void *make_vm(void *argument)
{
	struct kvm *kvm = argument;

	kvm->maker_id = (int)syscall(SYS_gettid);
	kvm_make_vm(kvm, kvm->path, &kvm->refusal);
	return NULL;
}

bool kvm_open(struct kvm *kvm, const char *path, struct problem *problem)
{
	*kvm = (struct kvm){.system = open(path, O_RDWR | O_CLOEXEC), .path = path};
	if (kvm->system < 0)
		return problem_set(problem, "cannot open %s: %s (%s)", path, strerror(errno),
				   kvm_mend(errno));
	if (!kvm_check(kvm, path, problem))
		return false;
	kvm->making = takes_long() && pthread_create(&kvm->maker, NULL, make_vm, kvm) == 0;
	return kvm->making || kvm_make_vm(kvm, path, problem);
}

/* The C library says that a thread has ended a little before the kernel does, which then takes
 * us for more than one: a user namespace cannot be made by those. */
static void join_maker(struct kvm *kvm)
{
	pthread_join(kvm->maker, NULL);
	while (syscall(SYS_tgkill, getpid(), kvm->maker_id, 0) == 0)
		sched_yield();
}

bool kvm_await_vm(struct kvm *kvm, struct problem *problem)
{
	if (kvm->making)
		join_maker(kvm);
	if (kvm->vm < 0) {
		*problem = kvm->refusal;
		return false;
	}
	int vm = kvm->vm;
	kvm->vm = FD_VM;
	return fd_place(vm, FD_VM, "a VM", problem);
}

void kvm_close_system(struct kvm *kvm)
{
	close(kvm->system);
}

bool kvm_set_memory(const struct kvm *kvm, const struct ram *ram, struct problem *problem)
{
	for (unsigned slot = 0; slot < RAM_RANGES_MAX; slot++) {
		const struct ram_range *range = &ram->range[slot];
		struct kvm_userspace_memory_region region = {
			.slot = slot,
			.guest_phys_addr = range->base,
			.memory_size = range->size,
			.userspace_addr = ram_host(ram, slot),
		};

		if (range->size && ioctl(kvm->vm, KVM_SET_USER_MEMORY_REGION, &region) < 0)
			return problem_set(problem,
					   "KVM refuses %llu MiB of guest memory: %s (give the "
					   "guest less with -m)",
					   (unsigned long long)range->size >> 20, strerror(errno));
	}
	return true;
}

bool kvm_add_irqfd(const struct kvm *kvm, int eventfd, unsigned gsi, struct problem *problem)
{
	struct kvm_irqfd irqfd = {.fd = (uint32_t)eventfd, .gsi = gsi};

	if (ioctl(kvm->vm, KVM_IRQFD, &irqfd) == 0)
		return true;
	return problem_set(problem, "KVM refuses interrupt %u: %s (a newer host kernel is needed)",
			   gsi, strerror(errno));
}

bool kvm_add_ioeventfd(const struct kvm *kvm, int eventfd, uint64_t address, uint32_t value,
		       struct problem *problem)
{
	struct kvm_ioeventfd ioeventfd = {
		.fd = eventfd,
		.addr = address,
		.len = sizeof(value),
		.datamatch = value,
		.flags = KVM_IOEVENTFD_FLAG_DATAMATCH,
	};

	if (ioctl(kvm->vm, KVM_IOEVENTFD, &ioeventfd) == 0)
		return true;
	return problem_set(problem,
			   "KVM refuses a doorbell at %#llx: %s (a newer host kernel is needed)",
			   (unsigned long long)address, strerror(errno));
}
