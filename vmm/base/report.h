/* What mayfly says to its user: one line per problem, in one write(2). */
#ifndef MAYFLY_REPORT_H
#define MAYFLY_REPORT_H

#include <stdbool.h>

/* A problem in words. WHAT: the object and what is wrong. FIX: what the user can do ("": not
 * known). */
struct problem {
	char what[400], fix[300];
};

/* Fills PROBLEM from a printf format (see text_format). Brackets at the end of FORMAT are the fix:
 * "cannot open %s: %s (give another file)". Cuts longer text. Returns false, so that a failing
 * function can end with `return problem_set(...)`. No system call, no heap. */
bool problem_set(struct problem *problem, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Puts text in front of PROBLEM's: "cannot boot %s: it ". Returns false. */
bool problem_prefix(struct problem *problem, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Empties PROBLEM. */
void problem_clear(struct problem *problem);

/* Reports "WHAT (FIX)". */
void problem_report(const struct problem *problem);

/* Writes "mayfly: " and the formatted text as one line on standard error. Control characters (file
 * names, guest data) become '?'. Safe in every thread and after lockdown. */
void report(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Turns the control characters in LINE into '?': text from outside must not drive a terminal. */
void report_tame(char *line);

/* Writes TEXT unchanged to standard output. False (errno) if not all of it was written. Start-up
 * only. */
bool print(const char *text);

#endif
