/* Text that grows piece by piece, without stdio: that brings floating point, of twenty kilobytes
 * on arm64, where it is emulated. */
#ifndef MAYFLY_TEXT_H
#define MAYFLY_TEXT_H

#include <stdarg.h>
#include <stddef.h>

/* Bounded: what is too long is cut. */
struct text {
	size_t length;
	char text[400]; /* NUL-terminated */
};

/* TEXT is empty. Returns TEXT. */
static inline struct text *text_begin(struct text *text)
{
	text->length = 0;
	text->text[0] = '\0';
	return text;
}

/* Adds what a printf format (text_format's) makes, without a system call or the heap. */
void text_add(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The same, with nothing before. */
#define text_set(text, ...) text_add(text_begin(text), __VA_ARGS__)

/* Like vsnprintf for %s, %d, %u, %x, %c and %%, with #, 0 and width (of numbers), a precision
 * (of %s, not 0) and the lengths ll and z (of %u and %x), but of FORMAT as far as END only. Any
 * other conversion traps. Returns the length that the whole text has; OUT gets what fits in
 * SIZE, with a NUL at its end if SIZE is not 0. ARGS stand behind those that were used then. */
size_t text_format(char *out, size_t size, const char *format, const char *end, va_list *args);

#endif
