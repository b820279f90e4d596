/* Command lines: words, parsed by a table of options. The help is made from the same table. */
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
	const char *argument; /* the argument's name in the help; NULL: a flag, sets a bool */
	/* Takes VALUE, which outlives the member and may be cut up in place. */
	bool (*set)(void *member, char *value, struct problem *problem);
	size_t offset; /* of the member in the target */
	const char *help;
};

struct cli {
	const char *command; /* "run": for messages */
	const char *before;  /* the help's text above the options, … */
	const char *after;   /* … and below them */
	const struct cli_option *options;
	size_t count;
	const struct cli *more; /* more options, for the same target; NULL: none */
	unsigned operands;      /* how many words other than options are allowed */
};

struct cli_words {
	struct words operands;
	struct words options; /* as given, each in one word: --NAME or --NAME=VALUE */
	char **command;       /* the words after "--", NULL-terminated; NULL: no "--" */
};

/* Parses ARGUMENTS (NULL-terminated; they outlive the result) into TARGET. A word @FILE stands for
 * the options in FILE, one per line. Lines after "--" in FILE are words of the command; the command
 * in ARGUMENTS follows them. */
bool cli_parse(const struct cli *cli, char **arguments, void *target, struct cli_words *words,
	       struct problem *problem);

/* For commands that take options only: false if WORDS has other words. CLI must allow one operand;
 * otherwise cli_parse would refuse it with a less helpful message. */
bool cli_options_only(const struct cli *cli, const struct cli_words *words,
		      struct problem *problem);

/* Writes the help to standard output. False (errno) if the write failed. */
bool cli_help(const struct cli *cli);

/* The exit code of a command that answers on standard output: 0 if the WHOLE answer was written; if
 * not (errno), 125 with a report. */
int cli_said(bool whole);

/* Setters for members: const char *; uint64_t (milliseconds); struct words. */
bool cli_set_text(void *member, char *value, struct problem *problem);
bool cli_set_milliseconds(void *member, char *value, struct problem *problem);
bool cli_add_word(void *member, char *value, struct problem *problem);

/* Parses a size in bytes: a number with one of K, M, G, T (and B or iB); a number alone is in
 * MiB. */
bool cli_size(const char *text, uint64_t *bytes);

#endif
