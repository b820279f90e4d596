/* Who makes which system calls: each role's list, call by call and descriptor by descriptor. */
#define _GNU_SOURCE
#include <linux/falloc.h>
#include <linux/if_tun.h>
#include <linux/kvm.h>
#include <sys/ioctl.h>
#include <time.h>

#include "bpf.h"
#include "base/fdplan.h"
#include "cli/options.h"
#include "sandbox/outer.h"
#include "rules.h"
#include "outbox/unpack.h"
#include "vm_state.h"
#include "roles.h"
#include "sandbox/seccomp.h"

/* --- what the owners need for other purposes --- */

bool kvm_add_irqfd(const struct kvm *kvm, int fd, unsigned gsi, struct problem *problem)
{
	(void)kvm, (void)fd, (void)gsi, (void)problem;
	return false;
}

bool kvm_add_ioeventfd(const struct kvm *kvm, int fd, uint64_t address, uint32_t value,
		       struct problem *problem)
{
	(void)kvm, (void)fd, (void)address, (void)value, (void)problem;
	return false;
}

bool sysfilter_narrow(const struct sock_fprog *program)
{
	(void)program;
	return false;
}

bool sysfilter_seal(const struct sysfilter *filter, struct problem *problem)
{
	(void)filter, (void)problem;
	return false;
}

bool unpack_seal(struct unpack_target *targets, unsigned count, int *archive, int *go,
		 uint64_t limit, struct problem *problem)
{
	(void)targets, (void)count, (void)archive, (void)go, (void)limit, (void)problem;
	return false;
}

/* --- a VM --- */

enum { DISK, EPHEMERAL, NIC, DEVICES };

static struct vm vm;
static struct options options;
static struct sysfilter outer;
static struct problem problem;

/* What every VM has; nobody wants files or figures of it. */
static int set_up(void **state)
{
	(void)state;
	memset(&vm, 0, sizeof(vm));
	options_begin(&options);
	vm.options = &options;
	uart_init(&vm.console, FD_CONSOLE_IRQ, FD_CONSOLE_KICK);
	uart_init(&vm.channel_uart, FD_CHANNEL_IRQ, FD_CHANNEL_KICK);
	return 0;
}

static void want_everything(void)
{
	options.job.outs = 1;
	options.stats = "";
	vm.terminal.raw = true;
}

/* One of each, as `mayfly selftest` tries it: a disk, an ephemeral one and a NIC of two queues. */
static void make_one_of_each(void)
{
	want_everything();
	assert_true(devices_pretend(&vm.devices, &problem));
	assert_int_equal(roles_count(&vm), ROLE_DEVICE + DEVICES);
}

static const struct sysfilter *list_role(unsigned role)
{
	role_allow(&vm, role, list_anew());
	return &listed;
}

/* --- its roles --- */

enum {
	KICK_0 = FD_KICK,
	KICK_1 = FD_KICK + 8,
	KICK_2 = FD_KICK + 16, /* of two queues */
	TAP_2 = FD_TAP + 16,
	PUNCH = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
	ZERO = FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE,
};

/* First what is for a terminal, a disk, -o and --stats. */
static const struct rule main_rules[] = {
	{SYS_ioctl, FD_TERMINAL, TCSETS},
	{SYS_ioctl, FD_TERMINAL, TIOCGWINSZ},
	{SYS_write, FD_GUARDIAN, ANY},
	{SYS_fdatasync, FD_DISK, ANY},
	{SYS_write, FD_OUTBOX, ANY},
	{SYS_read, FD_OUTBOX, ANY},
	{SYS_write, FD_STATS, ANY},
	{SYS_read, FD_PEAK, ANY},
	{SYS_ppoll, ANY, WAIT_MAX},
	{SYS_ppoll, ANY, 2},
	{SYS_clock_gettime, CLOCK_MONOTONIC, ANY},
	{SYS_read, FD_SIGNALS, ANY},
	{SYS_read, FD_ENDING, ANY},
	{SYS_read, FD_CONSOLE_KICK, ANY},
	{SYS_read, FD_CHANNEL_KICK, ANY},
	{SYS_read, FD_IN, ANY},
	{SYS_read, SPAN(FD_STATUS, FD_STATUS_COUNT), ANY},
	{SYS_write, STDERR_FILENO, ANY},
	{SYS_write, FD_OUT, ANY},
	{SYS_write, FD_ERR, ANY},
	{SYS_write, FD_LOG, ANY},
	{SYS_write, FD_ENDING, ANY},
	{SYS_write, FD_CONSOLE_KICK, ANY},
	{SYS_write, FD_CONSOLE_IRQ, ANY},
	{SYS_write, FD_CHANNEL_KICK, ANY},
	{SYS_write, FD_CHANNEL_IRQ, ANY},
	{SYS_exit_group, ANY, ANY},
	LOCKS,
};

enum { MAIN_EXTRA = 8 };

/* First what only an arm64 guest needs (a clock, and a look at who crashed), then what is for
 * devices. */
static const struct rule vcpu_rules[] = {
	{SYS_clock_gettime, CLOCK_REALTIME, ANY},
	{SYS_ioctl, SPAN(FD_VCPU, VCPUS_MAX), (uint32_t)KVM_GET_ONE_REG},
	{SYS_ioctl, TAP_2, (uint32_t)TUNSETOFFLOAD},
	{SYS_ioctl, TAP_2 + 1, (uint32_t)TUNSETQUEUE},
	{SYS_readv, TAP_2, ANY},
	{SYS_readv, TAP_2 + 1, ANY},
	{SYS_write, KICK_0, ANY},
	{SYS_write, KICK_1, ANY},
	{SYS_write, KICK_2, ANY},
	{SYS_write, KICK_2 + 1, ANY},
	{SYS_ioctl, SPAN(FD_VCPU, VCPUS_MAX), KVM_RUN},
	{SYS_write, FD_ENDING, ANY},
	{SYS_write, FD_CONSOLE_KICK, ANY},
	{SYS_write, FD_CONSOLE_IRQ, ANY},
	{SYS_write, FD_CHANNEL_KICK, ANY},
	{SYS_write, FD_CHANNEL_IRQ, ANY},
	LOCKS,
};

enum { VCPU_ARM64 = 2, VCPU_DEVICES = 8 };

static const struct rule disk_rules[] = {
	{SYS_read, KICK_0, ANY},
	{SYS_write, FD_VIRTIO_IRQ, ANY},
	{SYS_write, STDERR_FILENO, ANY},
	{SYS_preadv, FD_DISK, ANY},
	{SYS_pwritev, FD_DISK, ANY},
	{SYS_fallocate, FD_DISK, PUNCH},
	{SYS_fallocate, FD_DISK, ZERO},
	{SYS_fdatasync, FD_DISK, ANY},
	LOCKS,
};

static const struct rule ephemeral_rules[] = {
	{SYS_read, KICK_1, ANY},
	{SYS_write, FD_VIRTIO_IRQ + 1, ANY},
	{SYS_write, STDERR_FILENO, ANY},
	{SYS_preadv, FD_DISK + 1, ANY},
	{SYS_preadv, FD_SCRATCH + 1, ANY},
	{SYS_pwritev, FD_SCRATCH + 1, ANY},
	{SYS_fallocate, FD_SCRATCH + 1, PUNCH},
	LOCKS,
};

static const struct rule nic_rules[] = {
	{SYS_ppoll, ANY, 2},
	{SYS_read, KICK_2, ANY},
	{SYS_read, KICK_2 + 1, ANY},
	{SYS_write, KICK_2, ANY},
	{SYS_write, KICK_2 + 1, ANY},
	{SYS_write, FD_VIRTIO_IRQ + 2, ANY},
	{SYS_write, STDERR_FILENO, ANY},
	{SYS_readv, TAP_2, ANY},
	{SYS_readv, TAP_2 + 1, ANY},
	{SYS_writev, TAP_2, ANY},
	{SYS_writev, TAP_2 + 1, ANY},
	{SYS_ioctl, TAP_2 + 1, (uint32_t)TUNSETQUEUE},
	LOCKS,
};

static unsigned without_arm64(void)
{
	return ARCH_AUDIT == AUDIT_ARCH_AARCH64 ? 0 : VCPU_ARM64;
}

static void one_of_each(void **state)
{
	unsigned less = without_arm64();

	(void)state;
	make_one_of_each();
	assert_rules(list_role(ROLE_MAIN), main_rules, COUNT(main_rules));
	assert_rules(list_role(ROLE_VCPU), vcpu_rules + less, COUNT(vcpu_rules) - less);
	assert_rules(list_role(ROLE_DEVICE + DISK), disk_rules, COUNT(disk_rules));
	assert_rules(list_role(ROLE_DEVICE + EPHEMERAL), ephemeral_rules, COUNT(ephemeral_rules));
	assert_rules(list_role(ROLE_DEVICE + NIC), nic_rules, COUNT(nic_rules));
}

/* What is not wanted needs no rule. */
static void a_plain_vm(void **state)
{
	static struct rule vcpu[COUNT(vcpu_rules)];
	unsigned arm64 = VCPU_ARM64 - without_arm64();
	unsigned rest = COUNT(vcpu_rules) - VCPU_ARM64 - VCPU_DEVICES;

	(void)state;
	assert_int_equal(roles_count(&vm), ROLE_DEVICE);
	assert_rules(list_role(ROLE_MAIN), main_rules + MAIN_EXTRA, COUNT(main_rules) - MAIN_EXTRA);
	memcpy(vcpu, vcpu_rules, arm64 * sizeof(*vcpu));
	memcpy(vcpu + arm64, vcpu_rules + VCPU_ARM64 + VCPU_DEVICES, rest * sizeof(*vcpu));
	assert_rules(list_role(ROLE_VCPU), vcpu, arm64 + rest);
}

/* The same as a sentence a line, for whoever wants to know what a thread cannot do. */
static void what_no_role_does(void **state)
{
	static const struct {
		unsigned role;
		int nr;
	} never[] = {
		{ROLE_MAIN, SYS_preadv},
		{ROLE_MAIN, SYS_pwritev},
		{ROLE_MAIN, SYS_readv},
		{ROLE_MAIN, SYS_writev},
		{ROLE_MAIN, SYS_fallocate},
		{ROLE_VCPU, SYS_read},
		{ROLE_VCPU, SYS_pread64},
		{ROLE_VCPU, SYS_preadv},
		{ROLE_VCPU, SYS_pwritev},
		{ROLE_VCPU, SYS_writev},
		{ROLE_VCPU, SYS_ppoll},
		{ROLE_VCPU, SYS_exit_group},
		{ROLE_DEVICE + DISK, SYS_ioctl},
		{ROLE_DEVICE + DISK, SYS_readv},
		{ROLE_DEVICE + DISK, SYS_writev},
		{ROLE_DEVICE + DISK, SYS_ppoll},
		{ROLE_DEVICE + DISK, SYS_exit_group},
		{ROLE_DEVICE + EPHEMERAL, SYS_ioctl},
		{ROLE_DEVICE + EPHEMERAL, SYS_fdatasync},
		{ROLE_DEVICE + EPHEMERAL, SYS_exit_group},
		{ROLE_DEVICE + NIC, SYS_preadv},
		{ROLE_DEVICE + NIC, SYS_pwritev},
		{ROLE_DEVICE + NIC, SYS_exit_group},
	};
	static const int nobody[] = {SYS_seccomp,  SYS_openat, SYS_mmap,      SYS_mprotect,
				     SYS_munmap,   SYS_clone,  SYS_execve,    SYS_prctl,
				     SYS_close,    SYS_dup3,   SYS_getrusage, SYS_ftruncate,
				     SYS_recvfrom, SYS_sendto, SYS_kill,      SYS_rt_sigaction};

	(void)state;
	make_one_of_each();
	for (unsigned i = 0; i < COUNT(never); i++)
		assert_each(!rules_of(list_role(never[i].role), never[i].nr), "case", i);
	for (unsigned role = 0; role < roles_count(&vm); role++)
		for (unsigned i = 0; i < COUNT(nobody); i++)
			assert_each(!rules_of(list_role(role), nobody[i]), "call", nobody[i]);
	/* KVM is a vCPU's, the terminal the main thread's. */
	for (unsigned role = 0; role < roles_count(&vm); role++) {
		list_role(role);
		assert_int_equal(has_rule(&listed, SYS_ioctl, FD_VCPU), role == ROLE_VCPU);
		assert_false(has_rule(&listed, SYS_ioctl, FD_VM));
		assert_int_equal(has_rule(&listed, SYS_ioctl, FD_TERMINAL), role == ROLE_MAIN);
		assert_int_equal(has_rule(&listed, SYS_write, FD_OUT), role == ROLE_MAIN);
	}
}

/* --- their programs --- */

static void each_has_its_program(void **state)
{
	const struct sock_filter *end = NULL;

	(void)state;
	make_one_of_each();
	assert_true(roles_prepare(&vm, &vm.roles, &problem));
	for (unsigned role = 0; role < roles_count(&vm); role++) {
		const struct sock_fprog *program = &vm.roles.program[role];

		bpf_compare(list_role(role), program);
		assert_true(!end || program->filter == end); /* none lies in another */
		end = program->filter + program->len;
	}
	assert_null(vm.roles.program[roles_count(&vm)].filter);
}

/* --- the largest --- */

static void add_disk(bool ephemeral)
{
	unsigned number = vm.devices.count++;
	struct slot *slot = &vm.devices.slot[number];

	slot->virtio = &slot->blk.virtio;
	slot->virtio->irq_fd = FD_VIRTIO_IRQ + (int)number;
	slot->virtio->queues = DEVICE_QUEUES_MAX;
	slot->disk = (struct disk){
		.file.fd = FD_DISK + (int)number,
		.scratch_fd = ephemeral ? FD_SCRATCH + (int)number : -1,
		.block = DISK_SECTOR,
		.physical = DISK_SECTOR,
	};
	for (unsigned i = 0; i < DEVICE_QUEUES_MAX; i++)
		slot->virtio->queue[i].kick_fd = FD_KICK + (int)(number * DEVICE_QUEUES_MAX + i);
	virtio_blk_init(&slot->blk, &slot->disk);
}

static void add_nic(void)
{
	static struct virtio_net_pair pairs[DEVICES_MAX][DEVICE_QUEUES_MAX];
	unsigned number = vm.devices.count++;
	struct slot *slot = &vm.devices.slot[number];

	slot->virtio = &slot->net.virtio;
	slot->virtio->irq_fd = FD_VIRTIO_IRQ + (int)number;
	slot->net.pair = pairs[number];
	slot->nic.attach = true;
	tap_number(&slot->nic, DEVICE_QUEUES_MAX, number);
	for (unsigned i = 0; i < DEVICE_QUEUES_MAX; i++)
		slot->net.pair[i].kick_fd = FD_KICK + (int)(number * DEVICE_QUEUES_MAX + i);
	virtio_net_init(&slot->net, &slot->nic);
}

/* The outer filter lets pass what RULE does: its first argument of all, and the last. */
static void assert_passes(const struct sysfilter_rule *rule)
{
	for (int last = 0; last < 2; last++) {
		uint64_t arguments[6] = {0};

		for (unsigned i = 0; i < rule->conditions; i++) {
			const struct sysfilter_condition *is = &rule->condition[i];

			arguments[is->argument] = is->value | (last ? ~is->mask : 0);
		}
		assert_each(sysfilter_allows(&outer, rule->nr, arguments), "denied", rule->nr);
	}
}

static void the_largest_fits(void **state)
{
	unsigned longest = 0;

	outer = (struct sysfilter){0};
	outer_allow(&outer);
	for (unsigned nics = 0; nics <= DEVICES_MAX; nics++)
		for (unsigned ephemeral = 0; ephemeral < 2; ephemeral++) {
			set_up(state);
			want_everything();
			while (vm.devices.count < DEVICES_MAX - nics)
				add_disk(ephemeral);
			while (vm.devices.count < DEVICES_MAX)
				add_nic();
			if (!roles_prepare(&vm, &vm.roles, &problem))
				fail_msg("with %u NICs: %s", nics, in_words(&problem));
			for (unsigned role = 0; role < ROLES; role++) {
				assert_true(bpf_is_sound(&vm.roles.program[role]));
				list_role(role);
				longest = listed.count > longest ? listed.count : longest;
				for (unsigned i = 0; i < listed.count; i++)
					assert_passes(&listed.rule[i]);
			}
		}
	/* The last kick of all, and its TAP. */
	assert_true(has_rule(list_role(ROLES - 1), SYS_read, FD_TAP - 1));
	assert_true(has_rule(&listed, SYS_writev, FD_END - 1));
	/* There is room for a few more: sysfilter.h says how many are needed. */
	assert_in_range(longest, 120, SYSFILTER_RULES - 16);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(one_of_each, set_up),
		cmocka_unit_test_setup(a_plain_vm, set_up),
		cmocka_unit_test_setup(what_no_role_does, set_up),
		cmocka_unit_test_setup(each_has_its_program, set_up),
		cmocka_unit_test_setup(the_largest_fits, set_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
