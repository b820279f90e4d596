#include "machine/vcpu.h"

#include <errno.h>
#include <linux/kvm.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fdplan.h"
#include "machine/arch.h"

bool vcpu_create(struct vcpu *vcpu, const struct kvm *kvm, unsigned index, struct problem *problem)
{
	int fd = ioctl(kvm->vm, KVM_CREATE_VCPU, (unsigned long)index);

	if (fd < 0)
		return problem_set(problem,
				   "KVM refuses vCPU %u: %s (give the guest fewer with -c)", index,
				   strerror(errno));
	vcpu->index = index;
	vcpu->fd = FD_VCPU + (int)index;
	if (!fd_place(fd, vcpu->fd, "a vCPU", problem))
		return false;
	vcpu->run = mmap(NULL, kvm->run_size, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu->fd, 0);
	if (vcpu->run == MAP_FAILED)
		return problem_set(problem, "cannot map vCPU %u: %s (free some memory)", index,
				   strerror(errno));
	return true;
}

static void serve_port(struct vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;
	uint8_t *data = (uint8_t *)run + run->io.data_offset;

	/* A string instruction arrives as one exit with many items for the same port. */
	for (uint32_t i = 0; i < run->io.count; i++, data += run->io.size)
		bus_access(vcpu->bus, BUS_PORT, run->io.port, run->io.direction == KVM_EXIT_IO_OUT,
			   data, run->io.size);
}

static void serve_mmio(struct vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;

	bus_access(vcpu->bus, BUS_MMIO, run->mmio.phys_addr, run->mmio.is_write, run->mmio.data,
		   run->mmio.len);
}

/* Only this thread writes: a plain addition, as others see it. */
static void count(struct vcpu *vcpu, enum exit_kind kind)
{
	uint64_t before = atomic_load_explicit(&vcpu->exits[kind], memory_order_relaxed);

	atomic_store_explicit(&vcpu->exits[kind], before + 1, memory_order_relaxed);
}

/* False when the vCPU will not run again. */
static bool serve_exit(struct vcpu *vcpu, lockdown_t lockdown)
{
	switch (vcpu->run->exit_reason) {
	case KVM_EXIT_IO:
		count(vcpu, EXIT_IO);
		serve_port(vcpu);
		return true;
	case KVM_EXIT_MMIO:
		count(vcpu, EXIT_MMIO);
		serve_mmio(vcpu);
		return true;
	case KVM_EXIT_INTR:
		count(vcpu, EXIT_INTERRUPTED);
		return true;
	default:
		count(vcpu, EXIT_LAST);
		arch_end(vcpu, lockdown);
		return false;
	}
}

/* KVM_RUN failed (errno). A vCPU that waits to be started is told to try again; but the first
 * one does not wait: it is KVM that could not make a thread of its own (Linux 6.14 and newer). */
static bool is_failure(struct vcpu *vcpu, bool begun)
{
	bool no_thread = errno == EAGAIN && vcpu->index == 0 && !begun;
	struct problem text;

	if (errno == EINTR || (errno == EAGAIN && !no_thread))
		return false;
	problem_set(&text, "KVM_RUN failed: %s (%s)", strerror(errno),
		    no_thread ? "raise the limit on processes: ulimit -u"
			      : "see the host's kernel log: dmesg");
	ending_set(vcpu->ending, END_HOST_FAILURE, 0, &text);
	return true;
}

bool vcpu_enter(const struct vcpu *vcpu, lockdown_t lockdown)
{
	if (lockdown.in_force)
		return ioctl(vcpu->fd, KVM_RUN, 0) >= 0;
	errno = EPERM;
	return false;
}

static void run(struct vcpu *vcpu, lockdown_t lockdown)
{
	for (bool begun = false;; begun = true) {
		if (!vcpu_enter(vcpu, lockdown)) {
			if (is_failure(vcpu, begun))
				return;
			count(vcpu, EXIT_INTERRUPTED);
		} else if (!serve_exit(vcpu, lockdown)) {
			return;
		}
	}
}

static void *vcpu_main(void *argument)
{
	struct vcpu *vcpu = argument;

	run(vcpu, gate_wait(vcpu->gate, vcpu->program));
	gate_park(vcpu->gate);
}

bool vcpu_start(struct vcpu *vcpu, struct problem *problem)
{
	return gate_start_thread(vcpu->gate, vcpu_main, vcpu, "a vCPU", problem);
}

void vcpu_allow(struct sysfilter *filter)
{
	sysfilter_allow_ioctl(filter, FD_VCPU, VCPUS_MAX, KVM_RUN); /* run the guest */
	sysfilter_allow_fd(filter, SYS_write, FD_ENDING);           /* say that it ended */
	arch_allow(filter);
}
