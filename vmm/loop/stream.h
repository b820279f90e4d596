/* Standard streams that must not block the main loop, whatever they are: terminal, pipe, file,
 * socket. */
#ifndef MAYFLY_STREAM_H
#define MAYFLY_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/report.h"

/* Opens /dev/null for each of descriptors 0–2 that is closed, so that no other file gets its
 * number. */
bool streams_fill(struct problem *problem);

struct stream {
	int fd;
	bool terminal;
	bool may_block; /* then it is used only after poll said that it is ready */
	bool ready;     /* what the last poll said; the user sets it each time */
	bool ended;     /* end of input, or nobody reads the output */
};

/* Makes a stream at descriptor PLACE out of FD, which stays as it is. A pipe or a terminal is
 * opened anew, so that O_NONBLOCK does not reach the other processes that share FD. */
bool stream_open(struct stream *stream, int fd, int place, bool output, struct problem *problem);

/* Both return how many bytes were moved, 0 if none can be now, -1 after an error (errno). At the
 * end of input, when nobody reads the output, or after an error ENDED is set. A terminal that
 * hung up and a stream that is not open for reading (nohup's) are at their end. */
ssize_t stream_read(struct stream *stream, uint8_t *data, size_t size);
ssize_t stream_write(struct stream *stream, const uint8_t *data, size_t size);

#endif
