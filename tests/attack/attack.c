/* The attacks: each does the real thing, with arguments that would do it, so that without any
 * wall it is done. */
#include "attack.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/if_tun.h>
#include <linux/keyctl.h>
#include <linux/kvm.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/fdplan.h"
#include "base/report.h"
#include "base/text.h"

#define PAGE 65536 /* the largest that there is */

enum { INHERITED = 20 /* a descriptor that the test leaves open in our parent */ };

struct targets targets;

/* 0 or errno, of a system call. */
static int outcome(long result)
{
	return result < 0 ? errno : 0;
}

/* The same for one that makes a descriptor, which is not kept. */
static int outcome_fd(long fd)
{
	int error = outcome(fd);

	if (!error)
		syscall(SYS_close, fd);
	return error;
}

/* --- files --- */

static long open_file(const char *path, int flags)
{
	return syscall(SYS_openat, AT_FDCWD, path, flags, 0600);
}

static int open_passwd(void)
{
	return outcome_fd(open_file("/etc/passwd", O_RDONLY));
}

static int make_file(void)
{
	return outcome_fd(open_file(targets.file, O_WRONLY | O_CREAT));
}

static int read_proc(void)
{
	char byte;
	long fd = open_file("/proc/self/status", O_RDONLY);
	int error = outcome(fd);

	if (!error) {
		error = outcome(syscall(SYS_read, fd, &byte, 1));
		syscall(SYS_close, fd);
	}
	return error;
}

static int write_disk(void)
{
	long fd = open_file(targets.disk, O_WRONLY);
	int error = outcome(fd);

	if (!error) {
		error = outcome(syscall(SYS_pwrite64, fd, "attacked", 8, 0));
		syscall(SYS_close, fd);
	}
	return error;
}

static int write_inherited(void)
{
	return outcome(syscall(SYS_write, INHERITED, "attacked", 8));
}

/* Our own disk, beyond its end: the host's space. */
static int grow_disk(void)
{
	return outcome(syscall(SYS_ftruncate, FD_DISK, 1l << 32));
}

static int copy_descriptor(void)
{
	return outcome_fd(syscall(SYS_dup3, FD_VM, 8, 0));
}

static int make_memfd(void)
{
	return outcome_fd(syscall(SYS_memfd_create, "attack", 0));
}

static int mount_tmpfs(void)
{
	int error = outcome(syscall(SYS_mount, "none", ".", "tmpfs", 0, NULL));

	if (!error)
		syscall(SYS_umount2, ".", MNT_DETACH);
	return error;
}

/* --- sockets --- */

static int connect_to(int family, const void *address, socklen_t size)
{
	long fd = syscall(SYS_socket, family, SOCK_STREAM, 0);
	int error = outcome(fd);

	if (!error) {
		error = outcome(syscall(SYS_connect, fd, address, size));
		syscall(SYS_close, fd);
	}
	return error;
}

static int connect_tcp(void)
{
	return connect_to(AF_INET, &targets.tcp, sizeof(targets.tcp));
}

static int connect_abstract(void)
{
	return connect_to(AF_UNIX, &targets.abstract, targets.abstract_size);
}

static int sniff(void)
{
	return outcome_fd(syscall(SYS_socket, AF_PACKET, SOCK_RAW, 0));
}

/* --- programs --- */

static int fork_with(unsigned long flags)
{
	long child = syscall(SYS_clone, flags | SIGCHLD, NULL, NULL, NULL, NULL);

	if (child == 0)
		syscall(SYS_exit_group, 0);
	return outcome(child);
}

static int fork_child(void)
{
	return fork_with(0);
}

/* Both at once. */
static int fork_two(void)
{
	long first = syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL);
	int error = outcome(first);

	if (error)
		return error;
	if (first == 0) {
		syscall(SYS_ppoll, NULL, 0, NULL, NULL, 0);
		syscall(SYS_exit_group, 0);
	}
	error = fork_child();
	syscall(SYS_kill, first, SIGKILL);
	syscall(SYS_wait4, first, NULL, 0, NULL);
	return error;
}

/* Who has several threads cannot enter one, but a child can. */
static int fork_root(void)
{
	return fork_with(CLONE_NEWUSER);
}

static int execute(void)
{
	static char *const words[] = {"sh", "-c", "echo 'attack exec: ok' >&2", NULL};
	static char *const environment[] = {NULL};

	return outcome(syscall(SYS_execve, "/bin/sh", words, environment));
}

__attribute__((noinline, noclone, optimize("no-stack-protector"))) static int answer(void)
{
	return 42;
}

/* Copies a function there and runs it. */
static int run_in(uint8_t *page, bool *made, int protection)
{
	int (*copy)(void);

	memcpy(page, (const void *)(uintptr_t)answer, 64);
	__builtin___clear_cache((char *)page, (char *)page + 64);
	*made = protection == 0 || syscall(SYS_mprotect, page, PAGE, protection) == 0;
	if (!*made)
		return errno;
	memcpy(&copy, &page, sizeof(copy));
	return copy() == 42 ? 0 : ENOEXEC;
}

static int map_executable(void)
{
	bool made;
	long page = syscall(SYS_mmap, NULL, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0l);

	return page == -1 ? errno : run_in((uint8_t *)page, &made, 0);
}

static int make_executable(void)
{
	static uint8_t page[PAGE] __attribute__((aligned(PAGE)));
	bool made;

	return run_in(page, &made, PROT_READ | PROT_EXEC);
}

static int start_io_uring(void)
{
	static uint32_t parameters[30]; /* struct io_uring_params: 120 bytes */

	return outcome_fd(syscall(SYS_io_uring_setup, 8, parameters));
}

static int load_bpf(void)
{
	union bpf_attr map = {
		.map_type = BPF_MAP_TYPE_LRU_HASH,
		.key_size = 4,
		.value_size = 8,
		.max_entries = 1,
	};

	return outcome_fd(syscall(SYS_bpf, BPF_MAP_CREATE, &map, sizeof(map)));
}

static int add_key(void)
{
	return outcome(syscall(SYS_add_key, "user", "attack", "x", 1l, KEY_SPEC_PROCESS_KEYRING));
}

/* --- other processes --- */

static int trace_victim(void)
{
	return outcome(syscall(SYS_ptrace, PTRACE_SEIZE, targets.victim, NULL, NULL));
}

static int write_victim(void)
{
	uint64_t value = 1;
	const struct iovec from = {&value, sizeof(value)}, to = {targets.word, sizeof(value)};

	return outcome(syscall(SYS_process_vm_writev, targets.victim, &from, 1l, &to, 1l, 0l));
}

/* A signal that is ignored unless somebody waits for it. (SIGCONT may be sent within a session
 * by anybody.) */
static int signal_parent(void)
{
	return outcome(syscall(SYS_kill, targets.parent, SIGURG));
}

static int signal_parent_by_pidfd(void)
{
	return outcome(syscall(SYS_pidfd_send_signal, FD_PARENT, SIGURG, NULL, 0));
}

/* --- rights --- */

static int raise_limit(void)
{
	static const struct rlimit none = {RLIM_INFINITY, RLIM_INFINITY};

	return outcome(syscall(SYS_prlimit64, 0, RLIMIT_NPROC, &none, NULL));
}

static int become_root(void)
{
	return outcome(syscall(SYS_setresuid, 0, 0, 0));
}

static int unshare_network(void)
{
	return outcome(syscall(SYS_unshare, CLONE_NEWNET));
}

static int become_dumpable(void)
{
	return outcome(syscall(SYS_prctl, PR_SET_DUMPABLE, 1, 0, 0, 0));
}

/* --- KVM and TUN --- */

static int make_vm(void)
{
	long kvm = open_file("/dev/kvm", O_RDWR);
	int error = outcome(kvm);

	if (!error) {
		error = outcome_fd(syscall(SYS_ioctl, kvm, KVM_CREATE_VM, 0));
		syscall(SYS_close, kvm);
	}
	return error;
}

static int make_vm_of_vm(void)
{
	return outcome_fd(syscall(SYS_ioctl, FD_VM, KVM_CREATE_VM, 0));
}

static int ask_kvm(void)
{
	return outcome(syscall(SYS_ioctl, FD_VM, KVM_CHECK_EXTENSION, KVM_CAP_NR_VCPUS));
}

/* Our own memory, shown to the guest. */
static int show_memory(void)
{
	static uint8_t page[PAGE] __attribute__((aligned(PAGE)));
	struct kvm_userspace_memory_region region = {
		.slot = 31,
		.guest_phys_addr = 0x2000000000, /* 128 GiB */
		.memory_size = PAGE,
		.userspace_addr = (uintptr_t)page,
	};

	return outcome(syscall(SYS_ioctl, FD_VM, KVM_SET_USER_MEMORY_REGION, &region));
}

static int name_tap(long fd)
{
	struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI};

	strcpy(request.ifr_name, "attack%d");
	return outcome(syscall(SYS_ioctl, fd, TUNSETIFF, &request));
}

static int make_tap(void)
{
	long fd = open_file("/dev/net/tun", O_RDWR);
	int error = outcome(fd);

	if (!error) {
		error = name_tap(fd);
		syscall(SYS_close, fd);
	}
	return error;
}

/* That of slot 1. */
static int change_tap(void)
{
	return name_tap(FD_TAP + 8);
}

/* --- the table --- */

const struct attack_step attack_steps[] = {
	{"open", SYS_openat, open_passwd},
	{"create", SYS_openat, make_file},
	{"proc", SYS_openat, read_proc},
	{"other-disk", SYS_openat, write_disk},
	{"inherited", SYS_write, write_inherited},
	{"grow-disk", SYS_ftruncate, grow_disk},
	{"dup", SYS_dup3, copy_descriptor},
	{"memfd", SYS_memfd_create, make_memfd},
	{"mount", SYS_mount, mount_tmpfs},
	{"connect-tcp", SYS_socket, connect_tcp},
	{"connect-abstract", SYS_socket, connect_abstract},
	{"packet-socket", SYS_socket, sniff},
	{"fork", SYS_clone, fork_child},
	{"fork-two", SYS_clone, fork_two},
	{"mmap-exec", SYS_mmap, map_executable},
	{"mprotect-exec", SYS_mprotect, make_executable},
	{"io_uring", SYS_io_uring_setup, start_io_uring},
	{"bpf", SYS_bpf, load_bpf},
	{"add-key", SYS_add_key, add_key},
	{"ptrace", SYS_ptrace, trace_victim},
	{"write-memory", SYS_process_vm_writev, write_victim},
	{"kill-parent", SYS_kill, signal_parent},
	{"pidfd-parent", SYS_pidfd_send_signal, signal_parent_by_pidfd},
	{"raise-limit", SYS_prlimit64, raise_limit},
	{"setuid", SYS_setresuid, become_root},
	{"new-user-ns", SYS_clone, fork_root},
	{"new-net-ns", SYS_unshare, unshare_network},
	{"dumpable", SYS_prctl, become_dumpable},
	{"kvm", SYS_openat, make_vm},
	{"kvm-of-vm", SYS_ioctl, make_vm_of_vm},
	{"kvm-ask", SYS_ioctl, ask_kvm},
	{"kvm-memory", SYS_ioctl, show_memory},
	{"tun", SYS_openat, make_tap},
	{"tap-change", SYS_ioctl, change_tap},
	{"exec", SYS_execve, execute}, /* if it succeeds, that is the end */
	{0},
};

/* strerrorname_np is not musl's. */
static const char *error_name(int error)
{
	static const struct {
		int error;
		const char *name;
	} names[] = {
		{0, "ok"},
		{EACCES, "EACCES"},
		{EADDRINUSE, "EADDRINUSE"},
		{EAGAIN, "EAGAIN"},
		{EBADF, "EBADF"},
		{EBUSY, "EBUSY"},
		{ECONNREFUSED, "ECONNREFUSED"},
		{EEXIST, "EEXIST"},
		{EFBIG, "EFBIG"},
		{EINVAL, "EINVAL"},
		{EMFILE, "EMFILE"},
		{ENETUNREACH, "ENETUNREACH"},
		{ENODEV, "ENODEV"},
		{ENOENT, "ENOENT"},
		{ENOEXEC, "ENOEXEC"},
		{ENOMEM, "ENOMEM"},
		{ENOSPC, "ENOSPC"},
		{ENOSYS, "ENOSYS"},
		{ENOTTY, "ENOTTY"},
		{EPERM, "EPERM"},
		{EROFS, "EROFS"},
		{ESRCH, "ESRCH"},
		{EUSERS, "EUSERS"},
		{ENXIO, "ENXIO"},
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (names[i].error == error)
			return names[i].name;
	return strerror(error);
}

void attack_run(unsigned number)
{
	struct text line;
	unsigned count = sizeof(attack_steps) / sizeof(attack_steps[0]) - 1;

	if (number == 0 || number > count)
		return;
	const struct attack_step *step = &attack_steps[number - 1];
	text_set(&line, "attack %s: %s\n", step->name, error_name(step->run()));
	/* In one write: others wait for the line. */
	if (write(STDERR_FILENO, line.text, line.length) < 0)
		return;
}
