/* The command line of "mayfly run". */
#ifndef MAYFLY_OPTIONS_H
#define MAYFLY_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "cli.h"
#include "device_options.h"
#include "job_options.h"
#include "deadlines.h"
#include "jail.h"
#include "ram.h"
#include "report.h"

struct payload;

struct options {
	const char *kernel, *initrd;
	const char *append;  /* for the kernel's command line */
	const char *console; /* file for the console's output */
	unsigned long cpus;
	uint64_t memory; /* bytes */
	enum hugepages hugepages;
	bool verbose;
	bool help;
	bool tty;          /* the workload gets a terminal */
	bool root;         /* the first disk is its root */
	const char *stats; /* file for the counters */
	unsigned disks, nets, ips;
	struct disk_options disk[DEVICES_MAX];
	struct net_options net[DEVICES_MAX];
	struct ip_options ip[ADDRESSES_MAX];
	struct job_options job;
	struct limits limits;
	struct jail_options jail;
	char **words; /* the options as they were given, for a report; NULL-terminated, or NULL */
	const struct payload *payload; /* of a packed program; NULL: it is none */
	char **command;                /* NULL-terminated; NULL: a plain boot */
};

/* Parses what follows "mayfly run", or was packed with PAYLOAD (else NULL). ARGUMENTS is NULL-terminated and outlives OPTIONS; values that are lists are cut
 * up where they stand. */
bool options_parse(char **arguments, const struct payload *payload, struct options *options,
		   struct problem *problem);

/* The table, for commands that take the same options; their target begins with a struct options. */
extern const struct cli options_cli;

/* Sets what the options are when nobody says. */
void options_begin(struct options *options);

/* Checks what was parsed, and takes the command. */
bool options_finish(struct options *options, const struct cli_words *words,
		    struct problem *problem);

/* Writes the help of "mayfly run", made from the same table, to standard output. False (errno) if that
 * failed. */
bool options_help(void);

#endif
