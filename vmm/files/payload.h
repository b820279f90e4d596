/* What "mayfly pack" puts behind the launcher in one file: kernel, initrd, files and options.
 *
 * The file is the launcher's ELF file, then the parts, each at a multiple of PAYLOAD_ALIGN, then
 * the trailer: PAYLOAD_MAGIC, offset and size of each part in the order below, and XXH64 over
 * everything from the first part's offset up to the hash. Numbers have 64 bits, little-endian. */
#ifndef MAYFLY_PAYLOAD_H
#define MAYFLY_PAYLOAD_H

#include <stdint.h>

#include "base/bytes.h"
#include "base/report.h"

#define PAYLOAD_MAGIC "mayfly-1"
#define PAYLOAD_ALIGN 65536 /* pages of any host */

enum payload_part {
	PAYLOAD_KERNEL,
	PAYLOAD_INITRD,
	PAYLOAD_FILES, /* a newc archive for the guest */
	PAYLOAD_WORDS, /* of "mayfly run", each with its NUL */
	PAYLOAD_PARTS,
};

enum { PAYLOAD_TRAILER_SIZE = 8 + 16 * PAYLOAD_PARTS + 8 };

struct payload {
	struct bytes part[PAYLOAD_PARTS];
	uint64_t launcher; /* size of the ELF file */
};

enum payload_state { PAYLOAD_NONE, PAYLOAD_FOUND, PAYLOAD_DAMAGED };

/* Looks at the program PATH, which is called NAME in PROBLEM. What is found is mapped for the
 * process's life; what is damaged, cut short or changed, is told. */
enum payload_state payload_open(const char *path, const char *name, struct payload *payload,
				struct problem *problem);

/* The words, as an argument vector with what ARGUMENTS has at its end. */
char **payload_words(const struct payload *payload, char **arguments);

#endif
