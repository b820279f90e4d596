/* The channel between mayfly and the guest's init: frames over the second UART. Included by both
 * sides.
 *
 * A frame is a type, a 16-bit little-endian length and that many bytes of payload. A UART costs
 * two exits a byte, so the payload of a data frame may lie in the window instead: pages of its
 * own memory that the guest names in READY, the first half written by the host, the second by
 * the guest. Such a frame has CHANNEL_IN_WINDOW set in its type and nothing after its header.
 *
 * A data frame (STDIN, STDOUT, STDERR) is answered by TAKEN when its data has arrived where it
 * belongs; until then its sender sends no other. So nobody needs a buffer for more than one, and
 * a reader that is slow holds the writer back across the border. */
#ifndef MAYFLY_CHANNEL_WIRE_H
#define MAYFLY_CHANNEL_WIRE_H

enum channel_frame {
	CHANNEL_READY = 1, /* guest: the version, then where the window's table is, or nothing */
	CHANNEL_STDIN = 2, /* host: data */
	CHANNEL_STDIN_END = 3, /* host: no more data */
	CHANNEL_STDOUT = 4,    /* guest: data */
	CHANNEL_STDERR = 5,    /* guest: data */
	CHANNEL_TAKEN = 6,     /* both: the last data frame was taken */
	CHANNEL_CLOSED = 7,    /* host: nobody reads this stream any more; payload is its type */
	CHANNEL_EXIT = 8,      /* guest: the workload ended; payload is an exit kind and a value */
	CHANNEL_SIGNAL = 9,    /* host: for the workload; payload is the number */
	CHANNEL_WINSIZE = 10, /* host: of the workload's terminal; rows and columns, 16 bits each */
	CHANNEL_STARTED = 11, /* guest: the workload runs */
	CHANNEL_IN_WINDOW = 0x80,
};

enum channel_exit {
	CHANNEL_EXITED = 0,         /* value: the exit status */
	CHANNEL_KILLED = 1,         /* value: the signal */
	CHANNEL_NOT_STARTED = 2,    /* value: errno of execve */
	CHANNEL_SETUP_FAILED = 3,   /* value: errno of something before it */
	CHANNEL_NET_FAILED = 4,     /* value: errno of setting up eth0 */
	CHANNEL_WORKDIR_FAILED = 5, /* value: errno of entering it */
	CHANNEL_ROOT_FAILED = 6,    /* value: errno of mounting the root disk */
	CHANNEL_FILES_FAILED = 7,   /* value: errno of putting files in their places */
	CHANNEL_EXITS = 8,
};

enum {
	CHANNEL_VERSION = 4,
	CHANNEL_SIGNAL_MAX = 64,
	CHANNEL_HEADER = 3,
	CHANNEL_INLINE_MAX = 1024, /* fits a tty's input buffer with room to spare */
	CHANNEL_CHUNK_MAX = 32768, /* payload in the window: one half of it */
	/* The window's pages, anywhere in guest memory, whatever the guest's own page size is.
	 * READY has the physical address of a table of theirs, which the host reads then and
	 * there; all are 64-bit little-endian. First come those of the host's half, then the
	 * guest's. */
	CHANNEL_PAGE = 4096,
	CHANNEL_HALF_PAGES = CHANNEL_CHUNK_MAX / CHANNEL_PAGE,
	CHANNEL_PAGES = 2 * CHANNEL_HALF_PAGES,
	CHANNEL_TABLE = 8 * CHANNEL_PAGES, /* bytes */
	CHANNEL_READY_WINDOWED = 1 + 8,    /* bytes of payload, with a window */
};

#endif
