/* The command line of "mayfly run". */
#ifndef MAYFLY_OPTIONS_H
#define MAYFLY_OPTIONS_H

#include <stdbool.h>

#include "base/config.h"
#include "base/report.h"
#include "cli/cli.h"

/* Parses ARGUMENTS: the words after "mayfly run", or those packed with PAYLOAD (otherwise NULL).
 * ARGUMENTS is NULL-terminated and outlives OPTIONS. Lists in values are cut up in place. */
bool options_parse(char **arguments, const struct payload *payload, struct options *options,
		   struct problem *problem);

/* The table of options, for other commands that take them. Their target begins with a struct
 * options. */
extern const struct cli options_cli;

/* Sets the default values. */
void options_begin(struct options *options);

/* Checks the parsed options, and takes the command from WORDS. */
bool options_finish(struct options *options, const struct cli_words *words,
		    struct problem *problem);

/* Writes the help of "mayfly run" to standard output. False (errno) if the write failed. */
bool options_help(void);

#endif
