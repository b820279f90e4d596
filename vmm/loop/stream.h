/* Standard streams that must not block the main loop: terminal, pipe, file or socket. */
#ifndef MAYFLY_STREAM_H
#define MAYFLY_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/report.h"

/* Opens /dev/null for each closed descriptor of 0–2, so that no other file gets that number. */
bool streams_fill(struct problem *problem);

struct stream {
	int fd;
	bool terminal;
	bool may_block; /* use it only after poll said that it is ready */
	bool ready;     /* the last poll's answer; the caller sets it each time */
	bool ended;     /* the input has ended, or the output has no reader */
};

/* Makes a stream at descriptor PLACE from FD, which does not change. A pipe or a terminal is opened
 * anew, so that O_NONBLOCK does not affect other processes that share FD. */
bool stream_open(struct stream *stream, int fd, int place, bool output, struct problem *problem);

/* Both return the number of bytes moved, 0 if none can be now, -1 after an error (errno). ENDED is
 * set at the end of input, when the output has no reader, and after an error. A terminal that hung
 * up and a stream that is not open for reading (nohup) count as ended. */
ssize_t stream_read(struct stream *stream, uint8_t *data, size_t size);
ssize_t stream_write(struct stream *stream, const uint8_t *data, size_t size);

#endif
