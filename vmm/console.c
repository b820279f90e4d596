#include "console.h"

#include <errno.h>
#include <signal.h>

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
		ioloop_fail_output(loop, "the console");
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
		ioloop_fail_output(loop, "standard output");
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

/* Takes the escapes out of what was typed; pipes have none. */
static size_t filter_typed(struct ioloop *loop, uint8_t *data, size_t size)
{
	size_t kept = 0;

	if (!loop->terminal->raw)
		return size;
	for (size_t i = 0; i < size; i++) {
		int byte = data[i];

		if (loop->escape)
			byte = typed_escape(loop, data[i]);
		else if (byte == CTRL_A) {
			loop->escape = true;
			byte = -1;
		}
		if (byte >= 0)
			data[kept++] = (uint8_t)byte;
	}
	return kept;
}

void console_feed(struct ioloop *loop)
{
	if (loop->typed_done == loop->typed_size) {
		ssize_t count = stream_read(&loop->in, loop->typed, sizeof(loop->typed));

		loop->typed_done = 0;
		loop->typed_size = count > 0 ? filter_typed(loop, loop->typed, (size_t)count) : 0;
	}
	loop->typed_done += uart_give(loop->console, loop->typed + loop->typed_done,
				      loop->typed_size - loop->typed_done);
}

bool console_wants_input(struct ioloop *loop)
{
	return loop->typed_done == loop->typed_size &&
	       (loop->terminal->raw || uart_has_room(loop->console));
}
