/* A kernel's configuration: what it says of an option, and what mayfly's guests need that it has
 * not. */
#ifndef MAYFLY_KERNEL_CONFIG_H
#define MAYFLY_KERNEL_CONFIG_H

#include "kernel/image.h"
#include "base/text.h"

enum config_state { CONFIG_OFF, CONFIG_MODULE, CONFIG_ON };

/* True if a line of TEXT is one of a .config (Documentation/kbuild/kconfig.rst). */
bool config_is(struct bytes text);

/* What TEXT says of the option NAME (without "CONFIG_"); its last word counts, as for Kconfig. */
enum config_state config_state(struct bytes text, const char *name);

/* The same of an option that is a decimal number; 0: it is none. What is too large is
 * UINT32_MAX. */
uint32_t config_number(struct bytes text, const char *name);

enum need_weight {
	NEED_ALWAYS,  /* nothing, or no command, runs without it */
	NEED_FEATURE, /* some option of mayfly's does not work without it */
	NEED_ADVICE,  /* works without it, but not as well */
};

/* A need that is not met. */
struct gap {
	const char *options; /* one of these: names with '|' between them; "!NAME": NAME is off */
	const char *purpose;
	enum need_weight weight;
	unsigned least; /* 0: it is on; else a number, and this or more */
	bool module;    /* built, but not in */
};

/* The next gap of TEXT for MACHINE's guests; *AT is 0 for the first. False if there is no more. */
bool config_next_gap(struct bytes text, enum image_machine machine, size_t *at, struct gap *gap);

/* What GAP is, in one line. */
void config_describe(const struct gap *gap, struct text *line);

#endif
