/* Text that grows piece by piece, without stdio. stdio would bring floating point: 20 KB on arm64,
 * where musl emulates it. */
#ifndef MAYFLY_TEXT_H
#define MAYFLY_TEXT_H

#include <stdarg.h>
#include <stddef.h>

/* Bounded: longer text is cut. */
struct text {
	size_t length;
	char text[400]; /* NUL-terminated */
};

/* Empties TEXT. Returns TEXT. */
static inline struct text *text_begin(struct text *text)
{
	text->length = 0;
	text->text[0] = '\0';
	return text;
}

/* Adds formatted text (see text_format). No system call, no heap. */
void text_add(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The same, to an empty text. */
#define text_set(text, ...) text_add(text_begin(text), __VA_ARGS__)

/* Like vsnprintf for %s, %d, %u, %x, %c and %%, with #, 0, width (of numbers), precision (of %s,
 * not 0) and the lengths ll and z (of %u and %x). Any other conversion traps. Reads FORMAT up to
 * END only. Returns the length of the whole text; OUT gets as much as fits in SIZE, with a NUL at
 * its end if SIZE is not 0. Advances ARGS past the arguments that it used. */
size_t text_format(char *out, size_t size, const char *format, const char *end, va_list *args);

#endif
