/* The command line of "mayfly run". */
#ifndef MAYFLY_OPTIONS_H
#define MAYFLY_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "cli.h"
#include "device_options.h"
#include "job_options.h"
#include "report.h"

/* When the VM is ended, in milliseconds; 0: never. */
struct limits {
	uint64_t wall, cpu, idle;
	uint64_t grace; /* between a signal that is forwarded to the workload and the end */
};

struct options {
	const char *kernel, *initrd;
	const char *append;  /* for the kernel's command line */
	const char *console; /* file for the console's output */
	unsigned long cpus;
	uint64_t memory; /* bytes */
	bool verbose;
	bool help;
	const char *stats; /* file for the counters */
	unsigned disks, nets, ips;
	struct disk_options disk[DEVICES_MAX];
	struct net_options net[DEVICES_MAX];
	struct ip_options ip[ADDRESSES_MAX];
	struct job_options job;
	struct limits limits;
	char **command; /* NULL-terminated; NULL: a plain boot */
};

/* Parses what follows "mayfly run". ARGUMENTS is NULL-terminated and outlives OPTIONS; values that are lists are cut
 * up where they stand. */
bool options_parse(char **arguments, struct options *options, struct problem *problem);

/* Writes the help of "mayfly run", made from the same table, to standard output. False (errno) if that
 * failed. */
bool options_help(void);

#endif
