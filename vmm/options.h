/* The command line. */
#ifndef MAYFLY_OPTIONS_H
#define MAYFLY_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "report.h"

struct options {
	const char *kernel, *initrd;
	const char *append;  /* for the kernel's command line */
	const char *console; /* file for the console's output */
	unsigned long cpus;
	uint64_t memory; /* bytes */
	bool verbose;
	bool help;
	char **command; /* NULL-terminated; NULL: a plain boot */
};

/* Parses what follows "mayfly run". ARGUMENTS is NULL-terminated and outlives OPTIONS. */
bool options_parse(char **arguments, struct options *options, struct problem *problem);

/* Writes the help of "mayfly run", made from the same table, to standard output. False (errno) if that
 * failed. */
bool options_help(void);

#endif
