#include "vm.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/exitcode.h"
#include "base/fdplan.h"
#include "base/file.h"
#include "base/moment.h"
#include "files/gather.h"
#include "files/guest_job.h"
#include "files/payload.h"
#include "kernel/cmdline.h"
#include "machine/arch.h"
#include "outbox/outbox.h"
#include "roles.h"
#include "sandbox/lockdown.h"
#include "vm_state.h"

#define KVM_PATH "/dev/kvm"

static bool reached(struct vm *vm, enum phase phase)
{
	vm->stats.at[phase] = moment();
	return true;
}

/* First drops everything inherited that we do not need: descriptors, core dumps, debuggers.
 * INHERITED gets the descriptors that the user gave us. */
static bool shed(const struct options *options, int *inherited, struct problem *problem)
{
	const struct rlimit no_core = {0, 0};
	int stats = options->stats ? options->stats_fd : -1;
	unsigned count = 0;

	/* With SIGXFSZ ignored, a limit on file sizes makes write fail; the guest gets an I/O
	 * error. */
	signal(SIGXFSZ, SIG_IGN);

	for (unsigned i = 0; i < options->nets; i++)
		for (unsigned j = 0; j < options->net[i].fds; j++)
			inherited[count++] = options->net[i].fd_number[j];
	if (!streams_fill(problem))
		return false;
	if (stats >= 0)
		inherited[count++] = stats;
	/* A standard stream stays one, too. */
	if (stats >= 0 && stats <= STDERR_FILENO)
		inherited[count - 1] = fcntl(stats, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	if (!fd_close_others(inherited, count, problem))
		return false;
	fd_make_room();
	if (setrlimit(RLIMIT_CORE, &no_core) < 0 || prctl(PR_SET_DUMPABLE, 0) < 0)
		return problem_set(problem, "cannot turn off core dumps: %s (allow prctl(2))",
				   strerror(errno));
	return true;
}

static enum console_place console_place(const struct options *options)
{
	if (options->console)
		return CONSOLE_FILE;
	if (options->verbose)
		return CONSOLE_ERR;
	return options->command ? CONSOLE_NOWHERE : CONSOLE_OUT;
}

/* The log is opened before the VM starts, so that an error is reported in time, and truncated when
 * nothing else can fail. */
static bool open_streams(struct vm *vm, struct problem *problem)
{
	const char *log = vm->options->console;
	int log_fd = -1;

	if (log) {
		log_fd = open(log, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOCTTY, 0666);
		if (log_fd < 0)
			return problem_set(problem,
					   "cannot write %s: %s (give --console a file that can be "
					   "written)",
					   log, strerror(errno));
	}
	bool opened = (log_fd < 0 || file_is_free(log_fd, log, problem)) &&
		      ioloop_open(&vm->loop, console_place(vm->options), log_fd, problem);
	if (log_fd >= 0)
		close(log_fd);
	return opened;
}

static bool open_events(struct problem *problem)
{
	return fd_event(FD_ENDING, problem) && fd_event(FD_CONSOLE_KICK, problem) &&
	       fd_event(FD_CONSOLE_IRQ, problem) && fd_event(FD_CHANNEL_KICK, problem) &&
	       fd_event(FD_CHANNEL_IRQ, problem);
}

/* KVM needs this order: see kvm_set_memory and arch_create_irqchip. */
static bool await_machine(struct vm *vm, struct problem *problem)
{
	return kvm_await_vm(&vm->kvm, problem) && kvm_set_memory(&vm->kvm, &vm->ram, problem) &&
	       arch_create_irqchip(&vm->kvm, (unsigned)vm->options->cpus, &vm->irqchip, problem) &&
	       reached(vm, PHASE_KVM);
}

/* Loads the guest while the kernel makes the VM. */
static bool load(struct vm *vm, struct boot_request *request, struct problem *problem)
{
	const struct options *options = vm->options;
	struct placed_initrd initrd;

	if (options->kernel &&
	    !file_map_and_look(options->kernel, &request->kernel, &request->kernel_stays, problem))
		return false;
	if (options->initrd &&
	    !file_map_and_look(options->initrd, &request->initrd, &request->initrd_stays, problem))
		return false;
	if (!arch_load(request, &vm->ram, &initrd, &vm->entry, problem))
		return false;
	file_unmap(&request->kernel);
	file_unmap(&request->initrd);
	file_unmap(&request->packed);
	return await_machine(vm, problem) &&
	       arch_describe(request, &initrd, &vm->irqchip, &vm->ram, problem);
}

/* If nobody reads the console, init gets a console without hardware, if the kernel has one: to open
 * a UART takes 40 exits, and four more for a test of a hardware fault. */
static void name_consoles(struct cmdline *cmdline, enum console_place place)
{
	cmdline_add(cmdline, "console=ttyS0 8250.skip_txen_test=1");
	if (place == CONSOLE_NOWHERE)
		cmdline_add(cmdline, "console=ttynull quiet");
}

/* Adds the job of the guest's init. */
static bool add_job(struct vm *vm, struct boot_request *request, struct job *job,
		    struct files *files, struct problem *problem)
{
	const struct options *options = vm->options;

	if (!options->command)
		return true;
	request->job = job;
	request->files = files;
	cmdline_add(request->cmdline, "rdinit=" JOB_INIT_PATH);
	return guest_job_make(options, job, problem) &&
	       files_gather(&options->job.files, options->job.uid, options->job.gid, files,
			    problem);
}

/* The payload was mapped and checked when the program began. */
static void take_payload(const struct payload *payload, struct boot_request *request)
{
	request->kernel_name = "the packed kernel";
	request->kernel = payload->part[PAYLOAD_KERNEL];
	request->initrd = payload->part[PAYLOAD_INITRD];
	request->initrd_name = request->initrd.size ? "the packed initrd" : NULL;
	request->packed = payload->part[PAYLOAD_FILES];
	/* Linux lets nobody write to a running program. */
	request->kernel_stays = request->initrd_stays = true;
}

static bool load_guest(struct vm *vm, struct problem *problem)
{
	const struct options *options = vm->options;
	struct cmdline cmdline = {0};
	struct files files = {0};
	struct job job;
	struct boot_request request = {
		.kernel_name = options->kernel,
		.initrd_name = options->initrd,
		.cmdline = &cmdline,
		.append = options->append,
		.seed = vm->seed,
		.cpus = (unsigned)options->cpus,
		.devices = vm->devices.count,
	};

	if (options->payload)
		take_payload(options->payload, &request);
	/* The kernel and init get different seeds. */
	if (getrandom(vm->seed, sizeof(vm->seed), 0) != sizeof(vm->seed))
		return problem_set(problem, "cannot get random bytes: %s (allow getrandom(2))",
				   strerror(errno));
	name_consoles(&cmdline, console_place(options));
	if (!add_job(vm, &request, &job, &files, problem) || !load(vm, &request, problem))
		return false;
	files_release(&files);
	return true;
}

static bool make_vcpus(struct vm *vm, struct problem *problem)
{
	unsigned cpus = (unsigned)vm->options->cpus;

	for (unsigned i = 0; i < cpus; i++) {
		struct vcpu *vcpu = &vm->vcpu[i];

		vcpu->bus = &vm->bus;
		vcpu->ending = &vm->ending;
		vcpu->gate = &vm->gate;
		vcpu->program = &vm->roles.program[ROLE_VCPU];
		if (!vcpu_create(vcpu, &vm->kvm, i, problem))
			return false;
	}
	return arch_init_vcpus(&vm->kvm, vm->vcpu, cpus, &vm->entry, problem);
}

static bool make_devices(struct vm *vm, struct problem *problem)
{
	if (!kvm_add_irqfd(&vm->kvm, FD_CONSOLE_IRQ, ARCH_GSI_CONSOLE, problem) ||
	    !kvm_add_irqfd(&vm->kvm, FD_CHANNEL_IRQ, ARCH_GSI_CHANNEL, problem))
		return false;
	uart_init(&vm->console, FD_CONSOLE_IRQ, FD_CONSOLE_KICK);
	uart_init(&vm->channel_uart, FD_CHANNEL_IRQ, FD_CHANNEL_KICK);
	channel_init(&vm->channel, &vm->ram);
	vm->machine = (struct machine){&vm->ending, &vm->ram};
	arch_add_devices(&vm->bus, &vm->machine, &vm->console, &vm->channel_uart);
	return devices_connect(&vm->devices, &vm->bus, &vm->kvm, problem);
}

static bool choose_pages(struct vm *vm, struct problem *problem)
{
	char setting[64] = "";
	int fd = open("/sys/kernel/mm/transparent_hugepage/enabled", O_RDONLY | O_CLOEXEC);
	bool is_set = fd >= 0 && read(fd, setting, sizeof(setting) - 1) > 0;

	if (fd >= 0)
		close(fd);
	return ram_choose_pages(&vm->ram, vm->options->hugepages, is_set ? setting : NULL, problem);
}

/* The interrupt controller starts after the vCPUs are made: see arch_start_irqchip. */
static bool make_machine(struct vm *vm, const int *inherited, struct problem *problem)
{
	return ram_reserve(&vm->ram, vm->options->memory, ARCH_RAM, ARCH_HOLE_START, ARCH_HOLE_END,
			   problem) &&
	       choose_pages(vm, problem) &&
	       devices_open(&vm->devices, vm->options, inherited, &vm->ram, problem) &&
	       kvm_open(&vm->kvm, KVM_PATH, problem) && load_guest(vm, problem) &&
	       reached(vm, PHASE_LOADED) && make_vcpus(vm, problem) &&
	       arch_start_irqchip(&vm->irqchip, problem) && make_devices(vm, problem);
}

static bool make_threads(struct vm *vm, struct problem *problem)
{
	gate_init(&vm->gate, &vm->jail);
	for (unsigned i = 0; i < vm->options->cpus; i++)
		if (!vcpu_start(&vm->vcpu[i], problem))
			return false;
	if (!devices_start(&vm->devices, &vm->gate, &vm->roles.program[ROLE_DEVICE], problem) ||
	    !gate_await(&vm->gate, problem))
		return false;
	kvm_close_system(&vm->kvm);
	return true;
}

/* The user's descriptor is the last inherited one. */
static bool open_stats(const struct options *options, const int *inherited, struct problem *problem)
{
	unsigned count = 0;

	if (options->stats_fd < 0)
		return stats_open(options->stats, problem);
	for (unsigned i = 0; i < options->nets; i++)
		count += options->net[i].fds;
	return stats_take(inherited[count], problem);
}

/* The terminal is touched late: an error before leaves it unchanged. Only the threads come later,
 * because the guardian must be forked while there is one thread. */
static bool start(struct vm *vm, lockdown_t *lockdown, struct problem *problem)
{
	int inherited[DEVICES_MAX * DEVICE_QUEUES_MAX + 1];

	if (!shed(vm->options, inherited, problem) || !open_events(problem) ||
	    !make_machine(vm, inherited, problem) || !open_streams(vm, problem))
		return false;
	if (!deadlines_begin(&vm->loop.deadlines, &vm->options->limits, problem))
		return false;
	if (vm->options->job.outs &&
	    !outbox_open(vm->options, FD_DISK + (int)vm->options->disks - 1, problem))
		return false;
	if (vm->options->stats && !open_stats(vm->options, inherited, problem))
		return false;
	if (!lockdown_begin(problem) || !jail_enter(&vm->jail, &vm->options->jail, problem))
		return false;
	if ((!vm->options->command || vm->options->tty) && !terminal_open(&vm->terminal, problem))
		return false;
	vm->jail.companions = vm->terminal.raw; /* the guardian */
	if (!make_threads(vm, problem))
		return false;
	/* Only a regular log can be truncated, or needs to be. */
	if (vm->options->console && ftruncate(FD_LOG, 0) < 0 && errno != EINVAL)
		return problem_set(problem, "cannot empty %s: %s (give --console another file)",
				   vm->options->console, strerror(errno));
	if (vm->options->stats && !stats_begin(vm->options->stats, problem))
		return false;
	return roles_prepare(vm, &vm->roles, problem) &&
	       lockdown_install(&vm->gate, &vm->jail, &vm->roles.program[ROLE_MAIN], lockdown,
				problem);
}

int vm_run(const struct options *options)
{
	static struct vm vm;
	struct problem problem;
	lockdown_t lockdown;

	reached(&vm, PHASE_BEGIN);
	vm.options = options;
	vm.loop.console.uart = &vm.console;
	vm.loop.channel_uart = &vm.channel_uart;
	vm.loop.channel = options->command ? &vm.channel : NULL;
	vm.loop.ending = &vm.ending;
	vm.loop.terminal = &vm.terminal;
	if (!start(&vm, &lockdown, &problem)) {
		terminal_restore(&vm.terminal);
		problem_report(&problem);
		return CODE_MAYFLY_FAILED;
	}
	reached(&vm, PHASE_LOCKED);
	if (options->verbose)
		jail_report(&vm.jail);
	gate_open(&vm.gate, lockdown);
	ioloop_run(&vm.loop);
	return vm_finish(&vm);
}
