/* Which descriptor has which number after start-up. Fixed numbers keep the seccomp filter constant:
 * its rules name numbers that no option changes. */
#ifndef MAYFLY_FDPLAN_H
#define MAYFLY_FDPLAN_H

#include <stdbool.h>

#include "base/config.h"
#include "base/report.h"

enum fd_plan {
	FD_SIGNALS = 32,  /* signalfd */
	FD_PARENT = 33,   /* pidfd of the process that started us */
	FD_ENDING = 34,   /* eventfd: a vCPU saw the guest end */
	FD_IN = 35,       /* standard input, non-blocking if possible */
	FD_OUT = 36,      /* standard output */
	FD_ERR = 37,      /* standard error, as the workload's stream */
	FD_LOG = 38,      /* the console, if it goes to a file */
	FD_TERMINAL = 39, /* the terminal whose modes we restore */
	FD_GUARDIAN = 40, /* pipe to the process that restores them if we cannot */
	FD_CONSOLE_KICK = 41,
	FD_CONSOLE_IRQ = 42,
	FD_CHANNEL_KICK = 43,
	FD_CHANNEL_IRQ = 44,
	FD_VM = 45,
	FD_STATS = 46,       /* the file for --stats */
	FD_OUTBOX = 47,      /* to the process that writes -o's files */
	FD_PEAK = 48,        /* /proc/self/status, for --stats */
	FD_TASKS = 49,       /* /proc/self/task, until lockdown */
	FD_RULESET = 50,     /* Landlock's ruleset, until lockdown */
	FD_VCPU = 64,        /* one per vCPU, VCPUS_MAX of them */
	FD_DISK = 96,        /* from here on one per device: a disk's file, … */
	FD_SCRATCH = 104,    /* … an ephemeral disk's scratch file, … */
	FD_VIRTIO_IRQ = 112, /* … its interrupt, … */
	FD_STATUS = 128,     /* /proc/self/task/…/status: one per thread */
	FD_KICK = 256,       /* … and DEVICE_QUEUES_MAX per device: kicks, … */
	FD_TAP = 320,        /* … and a TAP's queues */
	FD_END = 384,
};

enum {
	WAIT_MAX = 9, /* the most in one ppoll; RLIMIT_NOFILE in the jail */
	FD_STATUS_COUNT = 128,
	FD_LIMIT = 512, /* RLIMIT_NOFILE at start-up: FD_END + inherited ones */
};
_Static_assert(FD_END + 8 * 8 <= FD_LIMIT, "queues of eight NICs");

/* Grows the kernel's descriptor table to the size of the plan. To be called while there is one
 * thread: with more threads, each growth waits milliseconds for an RCU grace period. If a limit
 * forbids it now, the table grows later. */
void fd_make_room(void);

/* Moves descriptor FD to PLACE. FD < 0 means that the call that made FD failed (errno). WHAT names
 * the descriptor in PROBLEM. */
bool fd_place(int fd, int place, const char *what, struct problem *problem);

/* Makes a non-blocking eventfd at PLACE. */
bool fd_event(int place, struct problem *problem);

/* The same, but a read waits for an event. */
bool fd_blocking_event(int place, struct problem *problem);

/* Closes every descriptor from 3 on, except the COUNT in KEEP. Moves those to FD_END and above, and
 * writes their new numbers to KEEP. False if one of them is not open. */
bool fd_close_others(int *keep, unsigned count, struct problem *problem);

#endif
