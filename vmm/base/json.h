/* Text for programs to read, mostly JSON, built without stdio and written in pieces. */
#ifndef MAYFLY_JSON_H
#define MAYFLY_JSON_H

#include <stdbool.h>
#include <stddef.h>

/* No heap, and no system call but write(2). FD belongs to the caller. All other members begin as
 * zero. */
struct writer {
	int fd;
	int error; /* errno of a failed write; nothing is written after it */
	size_t size;
	char buffer[4096];
};

/* Adds TEXT unchanged. */
void writer_put(struct writer *writer, const char *text);

/* Writes what is left. False (errno) if this write or an earlier one failed. */
bool writer_flush(struct writer *writer);

/* Adds VALUE as a JSON string (RFC 8259 §7). Bytes from 0x80 on stay as they are. */
void json_put_string(struct writer *writer, const char *value);

#endif
