/* Text from a printf format, without stdio: that brings floating point, of twenty kilobytes on arm64, where it is
 * emulated. */
#ifndef MAYFLY_FORMAT_H
#define MAYFLY_FORMAT_H

#include <stdarg.h>
#include <stddef.h>

/* Like vsnprintf for %s, %d, %u, %x, %c and %%, with #, 0 and width (of numbers), a precision (of %s, not 0) and the
 * lengths ll and z (of %u and %x). Any other conversion traps. Returns the length that the
 * whole text has; OUT gets what fits in SIZE, with a NUL at its end if SIZE is not 0. */
size_t format_text(char *out, size_t size, const char *format, va_list args)
	__attribute__((format(printf, 3, 0)));

#endif
