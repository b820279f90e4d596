/* What mayfly gives up before the guest runs, beside system calls: a second wall, for what might
 * find a way around the filter. Each layer is there if the host has it. */
#ifndef MAYFLY_JAIL_H
#define MAYFLY_JAIL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/config.h"
#include "base/report.h"

enum jail_layer {
	JAIL_USER,         /* a user namespace */
	JAIL_ROOT,         /* a root directory that is empty, and stays so */
	JAIL_IPC,          /* namespaces of its own: System V IPC and message queues, … */
	JAIL_NET,          /* … network, with nothing in it, … */
	JAIL_UTS,          /* … host name. */
	JAIL_UID,          /* an unprivileged user and group: if root started us */
	JAIL_CAPABILITIES, /* none, not even over its own user namespace */
	JAIL_LANDLOCK,     /* no access to files, TCP, others' abstract sockets and signals */
	JAIL_LIMITS,       /* on processes, descriptors and the length of files */
	JAIL_LAYERS,
};

struct jail {
	struct jail_options options;
	unsigned companions; /* processes that were forked in it, beside our threads */
	unsigned landlock;   /* version, or 0 */
	int missing
		[JAIL_LAYERS]; /* errno of why a layer is not there; 0: it is; -1: not asked for */
};

/* Enters all layers but the last two. There is one thread. The mode says what a missing one is. */
bool jail_enter(struct jail *jail, const struct jail_options *options, struct problem *problem);

/* Enters Landlock, which is each thread's own. False: errno. */
bool jail_enter_thread(const struct jail *jail);

/* A thread could not enter it: ERROR (errno). False if that is too much for the mode. */
bool jail_lacks_landlock(struct jail *jail, int error, struct problem *problem);

/* Sets the limits, over all threads, of which there are THREADS: none can be made any more but
 * the one that KVM makes, a new descriptor must be below WAIT_MAX, and nothing is written beyond
 * the longest disk's end, unless output goes to a file. The main thread has entered Landlock. */
bool jail_limit(struct jail *jail, unsigned threads, struct problem *problem);

bool jail_has(const struct jail *jail, enum jail_layer layer);

/* "net-ns": for users, and for --stats. */
const char *jail_layer_name(enum jail_layer layer);

/* One line on standard error: which layers are there, which not, and why. */
void jail_report(const struct jail *jail);

#endif
