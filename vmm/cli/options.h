/* The command line of "mayfly run". */
#ifndef MAYFLY_OPTIONS_H
#define MAYFLY_OPTIONS_H

#include <stdbool.h>

#include "cli/cli.h"
#include "base/config.h"
#include "base/report.h"

/* Parses what follows "mayfly run", or was packed with PAYLOAD (else NULL). ARGUMENTS is
 * NULL-terminated and outlives OPTIONS; values that are lists are cut up where they stand. */
bool options_parse(char **arguments, const struct payload *payload, struct options *options,
		   struct problem *problem);

/* The table, for commands that take the same options; their target begins with a struct options. */
extern const struct cli options_cli;

/* Sets what the options are when nobody says. */
void options_begin(struct options *options);

/* Checks what was parsed, and takes the command. */
bool options_finish(struct options *options, const struct cli_words *words,
		    struct problem *problem);

/* Writes the help of "mayfly run", made from the same table, to standard output. False (errno)
 * if that failed. */
bool options_help(void);

#endif
