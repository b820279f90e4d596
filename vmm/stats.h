/* --stats: a VM's life in figures, as JSON (docs/stats.md), written when it has ended. */
#ifndef MAYFLY_STATS_H
#define MAYFLY_STATS_H

#include "machine/devices.h"
#include "sandbox/jail.h"
#include "base/report.h"
#include "base/sysfilter.h"
#include "machine/vcpu.h"

/* Moments of a VM's life, in their order. */
enum phase {
	PHASE_BEGIN,   /* of the process */
	PHASE_KVM,     /* /dev/kvm is open, memory and devices are there */
	PHASE_LOADED,  /* kernel, initrd and files are in the guest's memory */
	PHASE_LOCKED,  /* the filter is in force: the guest runs from here on */
	PHASE_INIT,    /* the guest's init spoke */
	PHASE_STARTED, /* the workload runs */
	PHASE_ENDED,   /* the workload's result came */
	PHASE_EXIT,    /* this is written */
	PHASES,
};

struct stats {
	uint64_t at[PHASES]; /* as of moment(); 0: was not reached */
	uint64_t exits[EXIT_KINDS];
	const struct devices *devices;
	const struct jail *jail;
	char *const *options; /* as given; NULL: none */
	const char *ending;   /* ending_name() */
	int code;             /* the exit code */
};

/* Opens PATH, so that an error is told before the guest runs. */
bool stats_open(const char *path, struct problem *problem);

/* Takes the user's descriptor FD, which is not emptied. */
bool stats_take(int fd, struct problem *problem);

/* Empties PATH, which is open: nothing else can fail any more, and if we are killed, what is
 * there is no other run's. */
bool stats_begin(const char *path, struct problem *problem);

/* Writes STATS. False (errno) if the file did not take them all. */
bool stats_write(const struct stats *stats);

void stats_allow(struct sysfilter *filter);

#endif
