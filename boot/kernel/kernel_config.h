/* A kernel's configuration: its options, and the options that mayfly's guests need and it lacks. */
#ifndef MAYFLY_KERNEL_CONFIG_H
#define MAYFLY_KERNEL_CONFIG_H

#include "base/text.h"
#include "kernel/image.h"

enum config_state { CONFIG_OFF, CONFIG_MODULE, CONFIG_ON };

/* True if TEXT has a line of a .config (Documentation/kbuild/kconfig.rst). */
bool config_is(struct bytes text);

/* The state of the option NAME (without "CONFIG_") in TEXT. The last line counts, as in Kconfig. */
enum config_state config_state(struct bytes text, const char *name);

/* The value of an option that is a decimal number; 0: not a number. Larger numbers give
 * UINT32_MAX. */
uint32_t config_number(struct bytes text, const char *name);

enum need_weight {
	NEED_ALWAYS,  /* no guest, or no command, runs without it */
	NEED_FEATURE, /* some option of mayfly needs it */
	NEED_ADVICE,  /* guests work without it, but not as well */
};

/* A need that is not met. */
struct gap {
	const char *options; /* one of these names, with '|' between them; "!NAME": NAME is off */
	const char *purpose;
	enum need_weight weight;
	unsigned least; /* 0: the option is on; else: its number is this or more */
	bool module;    /* built, but only as a module */
};

/* Finds the next gap of TEXT for MACHINE's guests. *AT is 0 for the first call. False if there are
 * no more gaps. */
bool config_next_gap(struct bytes text, enum image_machine machine, size_t *at, struct gap *gap);

/* Describes GAP in one line. */
void config_describe(const struct gap *gap, struct text *line);

#endif
