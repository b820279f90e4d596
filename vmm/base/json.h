/* Text for programs to read, JSON most of all, put together without stdio and written in pieces. */
#ifndef MAYFLY_JSON_H
#define MAYFLY_JSON_H

#include <stdbool.h>
#include <stddef.h>

/* No heap, and no system call but write(2). Zeroed but for FD, which the writer does not own, to
 * begin with. */
struct writer {
	int fd;
	int error; /* errno of a write that failed; nothing more is written then */
	size_t size;
	char buffer[4096];
};

/* Adds TEXT as it is. */
void writer_put(struct writer *writer, const char *text);

/* Writes what is left. False (errno) if not all was taken, now or before. */
bool writer_flush(struct writer *writer);

/* Adds VALUE as a JSON string (RFC 8259 §7). Bytes from 0x80 on are passed on as they are. */
void json_put_string(struct writer *writer, const char *value);

#endif
