#include "base/format.h"

#include <stdbool.h>
#include <stdint.h>

struct text {
	char *out;
	size_t size, length;
};

/* What stands between % and the conversion. */
struct spec {
	bool alternate, zeros;
	unsigned width, precision; /* precision 0: there is none */
	unsigned longs;            /* l twice, or z */
};

static void put(struct text *text, char character)
{
	if (text->length < text->size)
		text->out[text->length] = character;
	text->length++;
}

static void put_string(struct text *text, const struct spec *spec, const char *string)
{
	for (size_t i = 0; string[i] && (!spec->precision || i < spec->precision); i++)
		put(text, string[i]);
}

static void put_number(struct text *text, const struct spec *spec, uint64_t number, unsigned base)
{
	char digits[20];
	unsigned count = 0;

	if (spec->alternate && number) {
		put(text, '0');
		put(text, 'x');
	}
	do
		digits[count++] = "0123456789abcdef"[number % base];
	while (number /= base);
	for (unsigned i = count; i < spec->width; i++)
		put(text, spec->zeros ? '0' : ' ');
	while (count)
		put(text, digits[--count]);
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

static void put_signed(struct text *text, const struct spec *spec, int number)
{
	if (number < 0)
		put(text, '-');
	put_number(text, spec, number < 0 ? 0 - (uint64_t)number : (uint64_t)number, 10);
}

size_t format_text(char *out, size_t size, const char *format, va_list args)
{
	struct text text = {out, size, 0};

	for (; *format; format++) {
		if (*format != '%') {
			put(&text, *format);
			continue;
		}
		format++;
		struct spec spec = take_spec(&format);
		switch (*format) {
		case 's':
			put_string(&text, &spec, va_arg(args, const char *));
			break;
		case 'd':
			put_signed(&text, &spec, va_arg(args, int));
			break;
		case 'u':
		case 'x':
			put_number(&text, &spec,
				   spec.longs >= 2 ? va_arg(args, unsigned long long)
						   : va_arg(args, unsigned),
				   *format == 'u' ? 10 : 16);
			break;
		case 'c':
			put(&text, (char)va_arg(args, int));
			break;
		case '%':
			put(&text, '%');
			break;
		default:
			__builtin_trap(); /* the compiler sees to the rest of a format, and a test to this */
		}
	}
	if (size)
		out[text.length < size ? text.length : size - 1] = '\0';
	return text.length;
}
