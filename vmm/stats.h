/* --stats: a VM's life in numbers, as JSON (docs/stats.md), written after its end. */
#ifndef MAYFLY_STATS_H
#define MAYFLY_STATS_H

#include "base/report.h"
#include "base/sysfilter.h"
#include "machine/devices.h"
#include "machine/vcpu.h"
#include "sandbox/jail.h"

/* Moments of a VM's life, in order. */
enum phase {
	PHASE_BEGIN,   /* the process began */
	PHASE_KVM,     /* /dev/kvm is open, memory and devices are there */
	PHASE_LOADED,  /* kernel, initrd and files are in the guest's memory */
	PHASE_LOCKED,  /* the filter is in force: the guest runs from here on */
	PHASE_INIT,    /* the guest's init spoke */
	PHASE_STARTED, /* the workload runs */
	PHASE_ENDED,   /* the workload's result arrived */
	PHASE_EXIT,    /* the statistics are written */
	PHASES,
};

struct stats {
	uint64_t at[PHASES]; /* by moment(); 0: not reached */
	uint64_t exits[EXIT_KINDS];
	const struct devices *devices;
	const struct jail *jail;
	char *const *options; /* as given; NULL: none */
	const char *ending;   /* ending_name() */
	int code;             /* the exit code */
};

/* Opens PATH before the guest runs, so that an error is reported in time. */
bool stats_open(const char *path, struct problem *problem);

/* Takes the user's descriptor FD, whose content stays. */
bool stats_take(int fd, struct problem *problem);

/* Empties PATH, which is open. To be called when nothing else can fail any more. If mayfly is
 * killed later, the file does not show an earlier run. */
bool stats_begin(const char *path, struct problem *problem);

/* Writes STATS. False (errno) if the file did not take everything. */
bool stats_write(const struct stats *stats);

void stats_allow(struct sysfilter *filter);

#endif
