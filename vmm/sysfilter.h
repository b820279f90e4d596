/* The list of system calls that stay allowed after lockdown. Each owner of a descriptor adds its
 * own rules, with the reason beside them; lockdown.c installs the list. */
#ifndef MAYFLY_SYSFILTER_H
#define MAYFLY_SYSFILTER_H

#include <stdbool.h>
#include <stdint.h>

#include "report.h"

/* A libseccomp context, and the first error met while rules were added. */
struct sysfilter {
	void *context;
	int error; /* 0 or a negative errno */
};

/* Opens an empty list whose answer to everything is to kill the process. */
bool sysfilter_open(struct sysfilter *filter, struct problem *problem);

/* Allows system call NR whatever its arguments. An error is kept for sysfilter_install. */
void sysfilter_allow(struct sysfilter *filter, int nr);

/* Allows NR on descriptor FD only, or on whatever else its first argument is: a clock. */
void sysfilter_allow_fd(struct sysfilter *filter, int nr, int fd);

/* Allows NR if its second argument is NULL: on a descriptor, and on no path. */
void sysfilter_allow_pathless(struct sysfilter *filter, int nr);

/* Allows NR on the COUNT descriptors from FIRST on; COUNT is a power of two and divides FIRST. */
void sysfilter_allow_fds(struct sysfilter *filter, int nr, int first, unsigned count);

/* Allows ioctl REQUEST on the COUNT descriptors from FIRST on (both as above). Compared in 32 bits:
 * musl passes requests sign-extended. */
void sysfilter_allow_ioctl(struct sysfilter *filter, int first, unsigned count, uint32_t request);

/* Puts the list in force over every thread of the process (TSYNC). Once. */
bool sysfilter_install(struct sysfilter *filter, struct problem *problem);

#endif
