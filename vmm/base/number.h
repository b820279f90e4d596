/* Decimal numbers in text: digits only, no sign, no blanks. */
#ifndef MAYFLY_NUMBER_H
#define MAYFLY_NUMBER_H

#include <stdbool.h>
#include <stdint.h>

/* Takes the digits at the start of *TEXT. VALUE is their number; *TEXT moves on past them. False,
 * with neither changed, if there are no digits or the number is above 2^64 - 1. */
bool number_take(const char **text, uint64_t *value);

/* The same, but the number is the whole TEXT, and from MINIMUM to MAXIMUM. */
bool number_parse(const char *text, uint64_t minimum, uint64_t maximum, uint64_t *value);

#endif
