/* Command lines: words against a table of options, which makes the help, too. */
#ifndef MAYFLY_CLI_H
#define MAYFLY_CLI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/report.h"
#include "base/words.h"

struct cli_option {
	char letter; /* 0: none */
	const char *name;
	const char *argument; /* its name in the help; NULL: a flag, which sets a bool */
	/* Takes VALUE, which outlives the member and may be cut up where it stands. */
	bool (*set)(void *member, char *value, struct problem *problem);
	size_t offset; /* of the member in the target */
	const char *help;
};

struct cli {
	const char *command; /* "run": for messages */
	const char *before;  /* what stands in the help above the options … */
	const char *after;   /* … and below */
	const struct cli_option *options;
	size_t count;
	/* Options that are taken, too (their target begins at the same place); NULL: none. */
	const struct cli *more;
	unsigned operands; /* how many words beside the options there may be */
};

struct cli_words {
	struct words operands;
	struct words options; /* as they were taken, each in one word: --NAME or --NAME=VALUE */
	char **command;       /* what follows "--", NULL-terminated; NULL: there was no "--" */
};

/* Parses ARGUMENTS (NULL-terminated; they outlive the result) into TARGET. A word @FILE stands
 * for the options in that file, one a line; lines after "--" are words of the command, which
 * those of ARGUMENTS follow. */
bool cli_parse(const struct cli *cli, char **arguments, void *target, struct cli_words *words,
	       struct problem *problem);

/* False if WORDS, of CLI, has any that is no option, as its command takes none. (CLI must take
 * one operand: or cli_parse would refuse it with less helpful words.) */
bool cli_options_only(const struct cli *cli, const struct cli_words *words,
		      struct problem *problem);

/* Writes the help to standard output. False (errno) if that failed. */
bool cli_help(const struct cli *cli);

/* The exit code of a command whose answer on standard output was taken as a WHOLE; if it was not
 * (errno), 125, and says so. */
int cli_said(bool whole);

/* Kinds of members: const char *; unsigned long, a number from 1 on; uint64_t, milliseconds;
 * struct words. */
bool cli_set_text(void *member, char *value, struct problem *problem);
bool cli_set_milliseconds(void *member, char *value, struct problem *problem);
bool cli_add_word(void *member, char *value, struct problem *problem);

/* A size in bytes: a number and one of K, M, G, T (and B or iB); without one it is in MiB. */
bool cli_size(const char *text, uint64_t *bytes);

#endif
