#include "loop/console.h"

#include <string.h>

enum { CTRL_A = 1 };

bool console_pending(const struct console *console)
{
	return console->shown_done < console->shown_size;
}

bool console_show(struct console *console, bool *moved)
{
	if (!console_pending(console)) {
		console->shown_done = 0;
		console->shown_size =
			uart_take(console->uart, console->shown, sizeof(console->shown));
	}
	*moved = console_pending(console);
	if (!*moved)
		return true;
	if (!console->out || console->out->ended) {
		console->shown_done = console->shown_size;
		return true;
	}
	ssize_t count = stream_write(console->out, console->shown + console->shown_done,
				     console->shown_size - console->shown_done);
	console->shown_done = count < 0 ? console->shown_size : console->shown_done + (size_t)count;
	return count >= 0;
}

static const char *show_help(struct console *console)
{
	static const uint8_t help[] = "\r\nCtrl-A x       ends the VM\r\n"
				      "Ctrl-A h       shows this help\r\n"
				      "Ctrl-A Ctrl-A  sends a Ctrl-A\r\n";

	/* If the terminal takes nothing now, help is not worth a wait. */
	console->help->ready = true;
	return stream_write(console->help, help, sizeof(help) - 1) < 0 ? "write standard output"
								       : NULL;
}

/* Acts on the BYTE typed after Ctrl-A. A second Ctrl-A goes to the guest. */
static const char *typed_escape(struct console *console, uint8_t byte)
{
	if (byte == 'x' || byte == 'X')
		ending_set(console->ending, END_ESCAPE, 0, NULL);
	return byte == 'h' || byte == 'H' || byte == '?' ? show_help(console) : NULL;
}

/* Appends input for the guest. A byte that finds no room is lost, as on any terminal. */
static const char *add_typed(struct console *console, const uint8_t *data, size_t size)
{
	const char *failed = NULL;

	for (size_t i = 0; i < size; i++) {
		bool escaped = console->escape;
		const char *problem = escaped ? typed_escape(console, data[i]) : NULL;

		if (problem)
			failed = problem;
		console->escape = !escaped && data[i] == CTRL_A;
		if (escaped == (data[i] == CTRL_A) && console->typed_size < sizeof(console->typed))
			console->typed[console->typed_size++] = data[i];
	}
	return failed;
}

static const char *read_terminal(struct console *console)
{
	uint8_t data[sizeof(console->typed)];
	ssize_t count = stream_read(console->in, data, sizeof(data));

	return count > 0 ? add_typed(console, data, (size_t)count) : NULL;
}

/* Reads from a pipe only when there is room, so nothing is lost. */
static const char *read_pipe(struct console *console)
{
	ssize_t count;

	if (console->typed_size)
		return NULL;
	count = stream_read(console->in, console->typed, sizeof(console->typed));
	if (count > 0)
		console->typed_size = (size_t)count;
	return count < 0 ? "read standard input" : NULL;
}

const char *console_feed(struct console *console)
{
	const char *failed = console->terminal->raw ? read_terminal(console) : read_pipe(console);
	size_t given = uart_give(console->uart, console->typed, console->typed_size);

	console->typed_size -= given;
	memmove(console->typed, console->typed + given, console->typed_size);
	return failed;
}

bool console_wants_input(struct console *console)
{
	return console->terminal->raw || (console->typed_size == 0 && uart_has_room(console->uart));
}
