#include "base/text.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* A text under construction. */
struct sink {
	char *out;
	size_t size, length;
};

/* The text between % and the conversion. */
struct spec {
	bool alternate, zeros;
	unsigned width, precision; /* precision 0: there is none */
	unsigned longs;            /* l twice, or z */
};

static void put(struct sink *sink, char character)
{
	if (sink->length < sink->size)
		sink->out[sink->length] = character;
	sink->length++;
}

static void put_string(struct sink *sink, const struct spec *spec, const char *string)
{
	for (size_t i = 0; string[i] && (!spec->precision || i < spec->precision); i++)
		put(sink, string[i]);
}

static void put_number(struct sink *sink, const struct spec *spec, uint64_t number, unsigned base)
{
	char digits[20];
	unsigned count = 0;

	if (spec->alternate && number) {
		put(sink, '0');
		put(sink, 'x');
	}
	do
		digits[count++] = "0123456789abcdef"[number % base];
	while (number /= base);
	for (unsigned i = count; i < spec->width; i++)
		put(sink, spec->zeros ? '0' : ' ');
	while (count)
		put(sink, digits[--count]);
}

static unsigned take_number(const char **format)
{
	unsigned number = 0;

	for (; **format >= '0' && **format <= '9'; ++*format)
		number = number * 10 + (unsigned)(**format - '0');
	return number;
}

static struct spec take_spec(const char **format)
{
	struct spec spec = {0};

	for (; **format == '#' || **format == '0'; ++*format)
		*(**format == '#' ? &spec.alternate : &spec.zeros) = true;
	spec.width = take_number(format);
	if (**format == '.') {
		++*format;
		spec.precision = take_number(format);
	}
	for (; **format == 'l' || **format == 'z'; ++*format)
		spec.longs += **format == 'l' ? 1 : 2;
	return spec;
}

static void put_signed(struct sink *sink, const struct spec *spec, int number)
{
	if (number < 0)
		put(sink, '-');
	put_number(sink, spec, number < 0 ? 0 - (uint64_t)number : (uint64_t)number, 10);
}

size_t text_format(char *out, size_t size, const char *format, const char *end, va_list *args)
{
	struct sink sink = {out, size, 0};

	for (; format < end; format++) {
		if (*format != '%') {
			put(&sink, *format);
			continue;
		}
		format++;
		struct spec spec = take_spec(&format);
		switch (*format) {
		case 's':
			put_string(&sink, &spec, va_arg(*args, const char *));
			break;
		case 'd':
			put_signed(&sink, &spec, va_arg(*args, int));
			break;
		case 'u':
		case 'x':
			put_number(&sink, &spec,
				   spec.longs >= 2 ? va_arg(*args, unsigned long long)
						   : va_arg(*args, unsigned),
				   *format == 'u' ? 10 : 16);
			break;
		case 'c':
			put(&sink, (char)va_arg(*args, int));
			break;
		case '%':
			put(&sink, '%');
			break;
		default:
			__builtin_trap(); /* the compiler checks the other formats, a test this */
		}
	}
	if (size)
		out[sink.length < size ? sink.length : size - 1] = '\0';
	return sink.length;
}

void text_add(struct text *text, const char *format, ...)
{
	size_t room = sizeof(text->text) - text->length;
	va_list args;

	va_start(args, format);
	size_t added = text_format(text->text + text->length, room, format, format + strlen(format),
				   &args);
	va_end(args);
	text->length += added < room ? added : room - 1;
}
