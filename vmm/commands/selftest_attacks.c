/* The calls of an attacker who runs code inside mayfly. */
#include "commands/selftest.h"

#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/kvm.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "base/fdplan.h"

#define RWX (PROT_READ | PROT_WRITE | PROT_EXEC)
#define PRIVATE (MAP_PRIVATE | MAP_ANONYMOUS)

const struct attack attacks[] = {
	{"open a file", {SYS_openat, {(uint64_t)AT_FDCWD, 0, O_RDONLY}}},
	{"execute a program", {SYS_execve, {0, 0, 0}}},
	{"execute a program by descriptor", {SYS_execveat, {FD_DISK, 0, 0, 0, AT_EMPTY_PATH}}},
	{"fork", {SYS_clone, {SIGCHLD}}},
	{"start a thread", {SYS_clone, {CLONE_VM | CLONE_THREAD | CLONE_SIGHAND}}},
	{"clone3", {SYS_clone3, {0, 88}}},
	{"map executable memory", {SYS_mmap, {0, 4096, RWX, PRIVATE, UINT64_MAX}}},
	{"map any memory", {SYS_mmap, {0, 4096, PROT_READ, PRIVATE, UINT64_MAX}}},
	{"make memory executable", {SYS_mprotect, {0, 4096, PROT_READ | PROT_EXEC}}},
	{"make memory executable with a key", {SYS_pkey_mprotect, {0, 4096, RWX, 0}}},
	{"map a disk executable", {SYS_mmap, {0, 4096, RWX, MAP_SHARED, FD_DISK}}},
	{"move memory", {SYS_mremap, {0, 4096, 8192, MREMAP_MAYMOVE}}},
	{"make a memfd", {SYS_memfd_create, {0, 0}}},
	{"open a socket", {SYS_socket, {AF_INET, SOCK_STREAM, 0}}},
	{"open a netlink socket", {SYS_socket, {AF_NETLINK, SOCK_RAW, 0}}},
	{"connect", {SYS_connect, {FD_OUTBOX, 0, 0}}},
	{"send a descriptor", {SYS_sendmsg, {FD_OUTBOX, 0, 0}}},
	{"receive a descriptor", {SYS_recvmsg, {FD_OUTBOX, 0, 0}}},
	{"copy a descriptor", {SYS_dup3, {FD_VM, FD_DISK, 0}}},
	{"take another process's descriptor", {SYS_pidfd_getfd, {FD_PARENT, 0, 0}}},
	{"signal by pidfd", {SYS_pidfd_send_signal, {FD_PARENT, SIGKILL, 0, 0}}},
	{"kill everybody", {SYS_kill, {UINT64_MAX, 0}}},
	{"trace a process", {SYS_ptrace, {PTRACE_ATTACH, 1}}},
	{"read another process's memory", {SYS_process_vm_readv, {1, 0, 0, 0, 0, 0}}},
	{"write another process's memory", {SYS_process_vm_writev, {1, 0, 0, 0, 0, 0}}},
	{"raise a limit", {SYS_prlimit64, {0, RLIMIT_NPROC, 0, 0}}},
	{"change a user", {SYS_setresuid, {0, 0, 0}}},
	{"make namespaces", {SYS_unshare, {CLONE_NEWUSER}}},
	{"enter a namespace", {SYS_setns, {FD_PARENT, 0}}},
	{"mount", {SYS_mount, {0, 0, 0, 0, 0}}},
	{"add a filter", {SYS_seccomp, {SECCOMP_SET_MODE_FILTER, 1, 0}}},
	{"become dumpable", {SYS_prctl, {PR_SET_DUMPABLE, 1}}},
	{"io_uring", {SYS_io_uring_setup, {8, 0}}},
	{"bpf", {SYS_bpf, {0, 0, 0}}},
	{"perf", {SYS_perf_event_open, {0, 0, UINT64_MAX, UINT64_MAX, 0}}},
	{"userfaultfd", {SYS_userfaultfd, {0}}},
	{"keys", {SYS_keyctl, {0}}},
	{"System V shared memory", {SYS_shmat, {0, 0, 0100000 /* SHM_EXEC */}}},
	{"make a VM", {SYS_ioctl, {FD_VM, KVM_CREATE_VM, 0}}},
	{"give the VM other memory", {SYS_ioctl, {FD_VM, KVM_SET_USER_MEMORY_REGION, 0}}},
	{"make a vCPU", {SYS_ioctl, {FD_VM, KVM_CREATE_VCPU, 1}}},
	{"set a vCPU's registers", {SYS_ioctl, {FD_VCPU, KVM_SET_SREGS, 0}}},
	{"take another TAP", {SYS_ioctl, {FD_TAP, TUNSETIFF, 0}}},
	{"type on the terminal", {SYS_ioctl, {FD_TERMINAL, 0x5412 /* TIOCSTI */, 0}}},
	{0},
};
