/* floor: the least that a program can do to run a guest. It makes a VM with memory, an interrupt
 * controller and virtual CPUs, runs the first of them until it wrote a byte to the console, passes
 * that on, and ends; with -w, the guest sleeps instead. What a launcher takes is measured against
 * it.
 *
 *   floor [-w] [-m MIB] [-c CPUS]
 */
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#define CODE 0x1000u
#define HOLE_START (3ull << 30)
#define HOLE_END (4ull << 30)

static void check(int result, const char *what)
{
	if (result >= 0)
		return;
	perror(what);
	exit(1);
}

static void add_memory(int vm, unsigned slot, uint64_t at, uint64_t size, uint8_t *memory)
{
	struct kvm_userspace_memory_region region = {
		.slot = slot,
		.guest_phys_addr = at,
		.memory_size = size,
		.userspace_addr = (uintptr_t)memory,
	};

	check(ioctl(vm, KVM_SET_USER_MEMORY_REGION, &region), "KVM_SET_USER_MEMORY_REGION");
}

/* Real mode: 'out' to the console, then HLT for good. */
static const uint8_t code[] = {
	0xba, 0xf8, 0x03, /* mov $0x3f8, %dx */
	0xb0, '!',        /* mov $'!', %al */
	0xee,             /* out %al, (%dx) */
	0xfa, 0xf4,       /* cli; hlt */
	0xeb, 0xfd,       /* jmp -3 */
};

static void begin_at_code(int vcpu)
{
	struct kvm_sregs sregs;
	struct kvm_regs regs = {.rip = CODE, .rflags = 2};

	check(ioctl(vcpu, (int)KVM_GET_SREGS, &sregs), "KVM_GET_SREGS");
	sregs.cs.base = 0;
	sregs.cs.selector = 0;
	check(ioctl(vcpu, (int)KVM_SET_SREGS, &sregs), "KVM_SET_SREGS");
	check(ioctl(vcpu, (int)KVM_SET_REGS, &regs), "KVM_SET_REGS");
}

static int make_vm(int kvm, uint64_t size)
{
	int vm = ioctl(kvm, KVM_CREATE_VM, 0);
	uint64_t low = size < HOLE_START ? size : HOLE_START;
	uint8_t *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	check(vm, "KVM_CREATE_VM");
	check(memory == MAP_FAILED ? -1 : 0, "mmap");
	memcpy(memory + CODE, code, sizeof(code));
	/* In this order: an interrupt controller that is there makes changes of memory wait. */
	add_memory(vm, 0, 0, low, memory);
	if (size > low)
		add_memory(vm, 1, HOLE_END, size - low, memory + low);
	check(ioctl(vm, KVM_CREATE_IRQCHIP, 0), "KVM_CREATE_IRQCHIP");
	return vm;
}

static struct kvm_run *make_vcpu(int kvm, int vm, unsigned long index, int *vcpu)
{
	int size = ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0);

	check(size, "KVM_GET_VCPU_MMAP_SIZE");
	*vcpu = ioctl(vm, KVM_CREATE_VCPU, index);
	check(*vcpu, "KVM_CREATE_VCPU");
	struct kvm_run *run =
		mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_SHARED, *vcpu, 0);
	check(run == MAP_FAILED ? -1 : 0, "mmap");
	return run;
}

int main(int argc, char **argv)
{
	uint64_t mib = 128;
	unsigned long cpus = 1;
	int option, vcpu = -1, stays = 0;
	struct kvm_run *run = NULL;

	while ((option = getopt(argc, argv, "wm:c:")) != -1) {
		if (option == 'w')
			stays = 1;
		else if (option == 'm')
			mib = strtoull(optarg, NULL, 10);
		else if (option == 'c')
			cpus = strtoul(optarg, NULL, 10);
		else
			return 1;
	}
	int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	check(kvm, "/dev/kvm");
	int vm = make_vm(kvm, mib << 20);
	for (unsigned long i = cpus; i-- > 0;)
		run = make_vcpu(kvm, vm, i, &vcpu);
	begin_at_code(vcpu); /* the first */
	check(ioctl(vcpu, KVM_RUN, 0), "KVM_RUN");
	if (run->exit_reason != KVM_EXIT_IO || run->io.port != 0x3f8)
		return 2;
	check((int)write(STDOUT_FILENO, (uint8_t *)run + run->io.data_offset, 1), "write");
	if (stays)
		check(ioctl(vcpu, KVM_RUN, 0), "KVM_RUN");
	_exit(0);
}
