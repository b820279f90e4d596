/* What mayfly gives up before the guest runs, besides system calls: a second wall against attacks
 * that get around the filter. Each layer is there if the host has it. */
#ifndef MAYFLY_JAIL_H
#define MAYFLY_JAIL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/config.h"
#include "base/report.h"

enum jail_layer {
	JAIL_USER,         /* a user namespace */
	JAIL_ROOT,         /* an empty root directory that stays empty */
	JAIL_IPC,          /* own namespaces: System V IPC and message queues, … */
	JAIL_NET,          /* … an empty network, … */
	JAIL_UTS,          /* … host name */
	JAIL_UID,          /* an unprivileged user and group: if root started us */
	JAIL_CAPABILITIES, /* none, not even over its own user namespace */
	JAIL_LANDLOCK, /* no access to files, TCP, other processes' abstract sockets and signals */
	JAIL_LIMITS,   /* limits on processes, descriptors and file sizes */
	JAIL_LAYERS,
};

struct jail {
	struct jail_options options;
	unsigned companions;      /* processes forked in the jail, beside our threads */
	unsigned landlock;        /* version, or 0 */
	int missing[JAIL_LAYERS]; /* errno of a failed layer; 0: it is there; -1: not asked for */
};

/* Enters all layers except the last two. To be called while there is one thread. The mode decides
 * whether a missing layer is an error. */
bool jail_enter(struct jail *jail, const struct jail_options *options, struct problem *problem);

/* Enters Landlock, which each thread does for itself. False: errno. */
bool jail_enter_thread(const struct jail *jail);

/* Notes that a thread could not enter Landlock: ERROR (errno). False if the mode forbids that. */
bool jail_lacks_landlock(struct jail *jail, int error, struct problem *problem);

/* Sets the limits for all THREADS threads. No thread can be made any more, except the one that KVM
 * makes. New descriptors must be below WAIT_MAX. No file grows beyond the longest disk's end,
 * unless output goes to a file. The main thread has entered Landlock. */
bool jail_limit(struct jail *jail, unsigned threads, struct problem *problem);

bool jail_has(const struct jail *jail, enum jail_layer layer);

/* The layer's name, like "net-ns", for users and for --stats. */
const char *jail_layer_name(enum jail_layer layer);

/* Writes one line to standard error: which layers are there, which are not, and why. */
void jail_report(const struct jail *jail);

#endif
