#include "roles.h"

#include <sys/syscall.h>
#include <unistd.h>

#include "base/fdplan.h"
#include "outbox/outbox.h"
#include "vm_state.h"

/* Room for the instructions of all programs: eight NICs of eight queues need 2700. */
#define POOL_SIZE 4096

unsigned roles_count(const struct vm *vm)
{
	return ROLE_DEVICE + vm->devices.count;
}

static void allow_main(const struct vm *vm, struct sysfilter *filter)
{
	ioloop_allow(filter);
	uart_allow(&vm->console, filter);
	uart_allow(&vm->channel_uart, filter);
	gate_allow(filter);
	terminal_allow(&vm->terminal, filter);
	devices_allow_sync(&vm->devices, filter);
	if (vm->options->job.outs)
		outbox_allow(filter);
	if (vm->options->stats)
		stats_allow(filter);
	sysfilter_allow_fds(filter, SYS_read, FD_STATUS, FD_STATUS_COUNT); /* lockdown's proof */
	sysfilter_allow_fd(filter, SYS_write, STDERR_FILENO);              /* report() */
	sysfilter_allow(filter, SYS_exit_group);                           /* the way out */
}

static void allow_vcpu(const struct vm *vm, struct sysfilter *filter)
{
	vcpu_allow(filter);
	gate_allow(filter);
	uart_allow(&vm->console, filter);
	uart_allow(&vm->channel_uart, filter);
	devices_allow_registers(&vm->devices, filter);
}

static void allow_device(const struct vm *vm, unsigned index, struct sysfilter *filter)
{
	devices_allow_work(&vm->devices, index, filter);
	gate_allow(filter);
}

void role_allow(const struct vm *vm, unsigned role, struct sysfilter *filter)
{
	switch (role) {
	case ROLE_MAIN:
		allow_main(vm, filter);
		break;
	case ROLE_VCPU:
		allow_vcpu(vm, filter);
		break;
	default:
		allow_device(vm, role - ROLE_DEVICE, filter);
	}
}

bool roles_prepare(const struct vm *vm, struct roles *roles, struct problem *problem)
{
	static struct sock_filter pool[POOL_SIZE];
	static struct sysfilter filter;
	unsigned used = 0;

	for (unsigned role = 0; role < roles_count(vm); role++) {
		struct sock_fprog *program = &roles->program[role];

		filter.count = 0;
		role_allow(vm, role, &filter);
		*program = (struct sock_fprog){(unsigned short)(POOL_SIZE - used), pool + used};
		if (!sysfilter_translate(&filter, program))
			return problem_set(problem,
					   "a seccomp filter is too long (this is a bug in "
					   "mayfly: please report it)");
		used += program->len;
	}
	return true;
}
