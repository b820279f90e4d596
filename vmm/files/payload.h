/* What "mayfly pack" adds to the launcher in one file: kernel, initrd, files and options.
 *
 * The file has the launcher's ELF file; the parts, each at a multiple of PAYLOAD_ALIGN; the
 * trailer. The trailer has PAYLOAD_MAGIC, offset and size of each part in the order below, and
 * XXH64 over everything from the first part to the hash. Numbers have 64 bits, little-endian. */
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
	PAYLOAD_WORDS, /* the words of "mayfly run", each with its NUL */
	PAYLOAD_PARTS,
};

enum { PAYLOAD_TRAILER_SIZE = 8 + 16 * PAYLOAD_PARTS + 8 };

struct payload {
	struct bytes part[PAYLOAD_PARTS];
	uint64_t launcher; /* size of the ELF file */
};

enum payload_state { PAYLOAD_NONE, PAYLOAD_FOUND, PAYLOAD_DAMAGED };

/* Looks at the program PATH, which PROBLEM calls NAME. A payload is mapped for the life of the
 * process. PROBLEM says how a payload is damaged: cut short or changed. */
enum payload_state payload_open(const char *path, const char *name, struct payload *payload,
				struct problem *problem);

/* The packed words as an argument vector, with ARGUMENTS at its end. */
char **payload_words(const struct payload *payload, char **arguments);

#endif
