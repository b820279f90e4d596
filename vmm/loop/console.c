#include "loop/console.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

enum { CTRL_A = 1 };

bool console_pending(const struct ioloop *loop)
{
	return loop->shown_done < loop->shown_size;
}

bool console_show(struct ioloop *loop)
{
	if (!console_pending(loop)) {
		loop->shown_done = 0;
		loop->shown_size = uart_take(loop->console, loop->shown, sizeof(loop->shown));
		if (loop->shown_size == 0)
			return false;
	}
	if (!loop->console_out || loop->console_out->ended) {
		loop->shown_done = loop->shown_size;
		return true;
	}
	ssize_t count = stream_write(loop->console_out, loop->shown + loop->shown_done,
				     loop->shown_size - loop->shown_done);
	if (count < 0) {
		/* Who reads the console is the user: without one the VM ends, as any program would. A
		 * reader of the log alone may leave. */
		if (errno == EPIPE && loop->console_out == &loop->out)
			ending_set(loop->ending, END_SIGNAL, SIGPIPE, NULL);
		ioloop_fail(loop, "write the console");
		loop->shown_done = loop->shown_size;
	}
	if (count > 0)
		loop->shown_done += (size_t)count;
	return true;
}

static void show_help(struct ioloop *loop)
{
	static const uint8_t help[] = "\r\nCtrl-A x       ends the VM\r\n"
				      "Ctrl-A h       shows this help\r\n"
				      "Ctrl-A Ctrl-A  sends a Ctrl-A\r\n";

	/* On a terminal that takes nothing now, help is not worth waiting for. */
	loop->out.ready = true;
	if (stream_write(&loop->out, help, sizeof(help) - 1) < 0)
		ioloop_fail(loop, "write standard output");
}

/* What the byte typed after a Ctrl-A means. Returns what goes to the guest, or -1. */
static int typed_escape(struct ioloop *loop, uint8_t byte)
{
	loop->escape = false;
	if (byte == 'x' || byte == 'X')
		ending_set(loop->ending, END_ESCAPE, 0, NULL);
	else if (byte == 'h' || byte == 'H' || byte == '?')
		show_help(loop);
	return byte == CTRL_A ? CTRL_A : -1;
}

/* Appends what goes to the guest. What it has no room for is lost, as on any terminal. */
static void add_typed(struct ioloop *loop, const uint8_t *data, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		int byte = data[i];

		if (loop->escape) {
			byte = typed_escape(loop, data[i]);
		} else if (byte == CTRL_A) {
			loop->escape = true;
			continue;
		}
		if (byte >= 0 && loop->typed_size < sizeof(loop->typed))
			loop->typed[loop->typed_size++] = (uint8_t)byte;
	}
}

static void read_terminal(struct ioloop *loop)
{
	uint8_t data[sizeof(loop->typed)];
	ssize_t count = stream_read(&loop->in, data, sizeof(data));

	if (count > 0)
		add_typed(loop, data, (size_t)count);
}

/* From a pipe nothing is read before there is room for it, and nothing is lost. */
static void read_pipe(struct ioloop *loop)
{
	ssize_t count;

	if (loop->typed_size)
		return;
	count = stream_read(&loop->in, loop->typed, sizeof(loop->typed));
	if (count < 0)
		ioloop_fail(loop, "read standard input");
	if (count > 0)
		loop->typed_size = (size_t)count;
}

void console_feed(struct ioloop *loop)
{
	if (loop->terminal->raw)
		read_terminal(loop);
	else
		read_pipe(loop);
	size_t given = uart_give(loop->console, loop->typed, loop->typed_size);
	loop->typed_size -= given;
	memmove(loop->typed, loop->typed + given, loop->typed_size);
}

bool console_wants_input(struct ioloop *loop)
{
	return loop->terminal->raw || (loop->typed_size == 0 && uart_has_room(loop->console));
}
