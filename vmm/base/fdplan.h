/* Which descriptor has which number after start-up. Fixed numbers make the seccomp filter a
 * constant: its rules name numbers, not a configuration. */
#ifndef MAYFLY_FDPLAN_H
#define MAYFLY_FDPLAN_H

#include <stdbool.h>

#include "base/config.h"
#include "base/report.h"

enum fd_plan {
	FD_SIGNALS = 32,  /* signalfd */
	FD_PARENT = 33,   /* pidfd of the process that started us */
	FD_ENDING = 34,   /* eventfd: a vCPU saw the guest end */
	FD_IN = 35,       /* standard input, not blocking where that can be had */
	FD_OUT = 36,      /* standard output */
	FD_ERR = 37,      /* standard error, as the workload's stream */
	FD_LOG = 38,      /* the console, if it goes to a file */
	FD_TERMINAL = 39, /* the terminal whose modes are to be restored */
	FD_GUARDIAN = 40, /* pipe to the process that restores it if we cannot */
	FD_CONSOLE_KICK = 41,
	FD_CONSOLE_IRQ = 42,
	FD_CHANNEL_KICK = 43,
	FD_CHANNEL_IRQ = 44,
	FD_VM = 45,
	FD_STATS = 46,       /* the file for --stats */
	FD_OUTBOX = 47,      /* to the process that takes files out */
	FD_PEAK = 48,        /* /proc/self/status, for --stats */
	FD_TASKS = 49,       /* /proc/self/task, until lockdown */
	FD_RULESET = 50,     /* of Landlock, until lockdown */
	FD_VCPU = 64,        /* one a vCPU, VCPUS_MAX of them */
	FD_DISK = 96,        /* one a device, from here on: the file of a disk, … */
	FD_SCRATCH = 104,    /* … what an ephemeral one writes to, … */
	FD_VIRTIO_IRQ = 112, /* … the interrupt … */
	FD_STATUS = 128,     /* /proc/self/task/…/status, one a thread, up to 128 */
	FD_KICK = 256,       /* … and DEVICE_QUEUES_MAX a device: kicks … */
	FD_TAP = 320,        /* … and the queues of its TAP */
	FD_END = 384,
};

enum {
	/* Descriptors that are waited for at once: RLIMIT_NOFILE in the jail, which ppoll must not
	 * exceed. */
	WAIT_MAX = 9,
	FD_STATUS_COUNT = 128,
	/* What RLIMIT_NOFILE should be: FD_END, and as many as may be inherited and moved there. */
	FD_LIMIT = 512,
};
_Static_assert(FD_END + 8 * 8 <= FD_LIMIT, "queues of eight NICs");

/* Has the kernel make its table as long as the plan, while there is one thread: where there are
 * more, each time that the table grows it waits for a grace period of RCU, which takes
 * milliseconds. If it cannot (a limit), it will when it must. */
void fd_make_room(void);

/* Moves descriptor FD to its place. FD < 0 is passed on as failure of the call that made it
 * (errno), WHAT names it. */
bool fd_place(int fd, int place, const char *what, struct problem *problem);

/* A non-blocking eventfd at PLACE. */
bool fd_event(int place, struct problem *problem);

/* The same, but a read waits for an event. */
bool fd_blocking_event(int place, struct problem *problem);

/* Closes every descriptor from 3 on but the COUNT in KEEP, which are moved to FD_END and above,
 * their new numbers in KEEP. False if one of them is not open. */
bool fd_close_others(int *keep, unsigned count, struct problem *problem);

#endif
