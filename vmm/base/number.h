/* Decimal numbers in text: digits alone, no sign, no blanks. */
#ifndef MAYFLY_NUMBER_H
#define MAYFLY_NUMBER_H

#include <stdbool.h>
#include <stdint.h>

/* Takes the digits that *TEXT begins with: VALUE is their number, *TEXT is what follows them.
 * False, with neither changed, if there are none or the number is above 2^64 - 1. */
bool number_take(const char **text, uint64_t *value);

/* The same of a number from MINIMUM to MAXIMUM that is all of TEXT. */
bool number_parse(const char *text, uint64_t minimum, uint64_t maximum, uint64_t *value);

#endif
