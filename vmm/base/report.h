/* What mayfly says to its user: one line per problem, written with one write(2). */
#ifndef MAYFLY_REPORT_H
#define MAYFLY_REPORT_H

#include <stdbool.h>

/* A problem in words: WHAT is wrong with which object, and the FIX: what the user can do ("":
 * nothing is known). */
struct problem {
	char what[400], fix[300];
};

/* Fills PROBLEM from a printf format (text_format's), of which the brackets at the end are the
 * fix: "cannot open %s: %s (give another file)". Longer text is cut. Returns false, so that a
 * failing function can end with `return problem_set(...)`. No system call, no heap. */
bool problem_set(struct problem *problem, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Puts text before what PROBLEM says: "cannot boot %s: it ". Returns false. */
bool problem_prefix(struct problem *problem, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* PROBLEM says nothing. */
void problem_clear(struct problem *problem);

/* Reports "WHAT (FIX)". */
void problem_report(const struct problem *problem);

/* Writes "mayfly: " and the formatted text as one line on standard error. Control characters
 * in it (file names, guest data) become '?'. Safe in every thread and after lockdown. */
void report(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Makes '?' of the control characters in LINE: what somebody else wrote must not be able to
 * drive a terminal. */
void report_tame(char *line);

/* Writes TEXT to standard output as it is. False (errno) if not all of it was taken. Start-up
 * only. */
bool print(const char *text);

#endif
