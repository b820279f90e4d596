/* The outer filter over every thread from lockdown on: all calls that some VM may need. The filter
 * is the same for all VMs, so libseccomp makes its program when mayfly is built (images/filter.c).
 * Each thread's own filter (roles.h) has the calls that this VM needs. */
#ifndef MAYFLY_OUTER_H
#define MAYFLY_OUTER_H

#include "base/sysfilter.h"

/* Adds the rules of the outer filter, for either architecture. */
void outer_allow(struct sysfilter *filter);

/* The program of that list, a constant. */
struct sock_fprog outer_program(void);

/* True if libseccomp, called now, makes the same program. */
bool outer_is_libseccomps(struct problem *problem);

#endif
