/* Filters in force: lists of system calls (base/sysfilter.h) become programs, and programs bind
 * threads. */
#ifndef MAYFLY_SECCOMP_H
#define MAYFLY_SECCOMP_H

#include <linux/filter.h>
#include <stdbool.h>

#include "base/report.h"
#include "base/sysfilter.h"

/* Compiles the list to PROGRAM with libseccomp, in memory that stays. To be called once. */
bool sysfilter_compile(const struct sysfilter *filter, struct sock_fprog *program,
		       struct problem *problem);

/* Installs PROGRAM over every thread of the process (TSYNC). */
bool sysfilter_install(const struct sock_fprog *program, struct problem *problem);

/* Adds PROGRAM to the calling thread's filters: only calls that all filters allow stay allowed.
 * False: errno. */
bool sysfilter_narrow(const struct sock_fprog *program);

/* Compiles and installs the list, for a process that has a single task. */
bool sysfilter_seal(const struct sysfilter *filter, struct problem *problem);

#endif
