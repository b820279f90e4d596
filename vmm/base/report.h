/* What mayfly says to its user: one line per problem, written with one write(2). */
#ifndef MAYFLY_REPORT_H
#define MAYFLY_REPORT_H

#include <stdbool.h>

/* A problem in words: the object, what is wrong with it and, in brackets, the mend. */
struct problem {
	char text[400];
};

/* Fills PROBLEM from a printf format; longer text is cut. Returns false, so that a
 * failing function can end with `return problem_set(...)`. No system call, no heap. */
bool problem_set(struct problem *problem, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Writes "mayfly: " and the formatted text as one line on standard error. Control characters
 * in it (file names, guest data) become '?'. Safe in every thread and after lockdown. */
void report(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Makes '?' of the control characters in LINE: what somebody else wrote must not be able to drive a terminal. */
void report_tame(char *line);

/* Writes TEXT to standard output as it is. False (errno) if not all of it was taken. Start-up only. */
bool print(const char *text);

#endif
