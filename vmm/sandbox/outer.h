/* The outer filter, which is over every thread from lockdown on: what some VM may need. It is
 * the same for all, so libseccomp makes its program when mayfly is built (images/filter.c); each
 * thread's own filter (roles.h) is what this VM needs of it. */
#ifndef MAYFLY_OUTER_H
#define MAYFLY_OUTER_H

#include "base/sysfilter.h"

/* Adds what the outer filter allows, on either architecture. */
void outer_allow(struct sysfilter *filter);

/* The program of that list: constant. */
struct sock_fprog outer_program(void);

/* libseccomp, asked now, makes the same program. */
bool outer_is_libseccomps(struct problem *problem);

#endif
