/* The channel between mayfly and the guest's init: frames over the second UART. Included by both
 * sides.
 *
 * A frame is a type, a 16-bit little-endian length and that many bytes of payload. A UART costs
 * two exits a byte, so the payload of a data frame may lie in the window instead: memory that
 * both sides can see, the first half written by the host, the second by the guest. Such a frame
 * has CHANNEL_IN_WINDOW set in its type and nothing after its header.
 *
 * A data frame (STDIN, STDOUT, STDERR) is answered by TAKEN when its data has arrived where it
 * belongs; until then its sender sends no other. So nobody needs a buffer for more than one, and
 * a reader that is slow holds the writer back across the border. */
#ifndef MAYFLY_CHANNEL_WIRE_H
#define MAYFLY_CHANNEL_WIRE_H

enum channel_frame {
	CHANNEL_READY = 1,     /* guest: payload is version, 1 if it can see the window */
	CHANNEL_STDIN = 2,     /* host: data */
	CHANNEL_STDIN_END = 3, /* host: no more data */
	CHANNEL_STDOUT = 4,    /* guest: data */
	CHANNEL_STDERR = 5,    /* guest: data */
	CHANNEL_TAKEN = 6,     /* both: the last data frame was taken */
	CHANNEL_CLOSED = 7,    /* host: nobody reads this stream any more; payload is its type */
	CHANNEL_EXIT = 8,      /* guest: the workload ended; payload is an exit kind and a value */
	CHANNEL_IN_WINDOW = 0x80,
};

enum channel_exit {
	CHANNEL_EXITED = 0,       /* value: the exit status */
	CHANNEL_KILLED = 1,       /* value: the signal */
	CHANNEL_NOT_STARTED = 2,  /* value: errno of execve */
	CHANNEL_SETUP_FAILED = 3, /* value: errno of something before it */
	CHANNEL_NET_FAILED = 4,   /* value: errno of setting up eth0 */
};

/* What the host writes at the window's start before the guest runs, so that init can tell that it
 * sees the window and not some other memory. */
#define CHANNEL_WINDOW_MARK "mayfly window"

enum {
	CHANNEL_VERSION = 1,
	CHANNEL_SIGNAL_MAX = 64,
	CHANNEL_HEADER = 3,
	CHANNEL_INLINE_MAX = 1024, /* fits a tty's input buffer with room to spare */
	CHANNEL_CHUNK_MAX = 32768, /* payload in the window */
	CHANNEL_WINDOW_HALF = 65536,
};

#endif
