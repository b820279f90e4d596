/* Compressed files, recognised by content: for the reader of a kernel, an initrd or an archive
 * that must say what the user can do with one. */
#ifndef MAYFLY_COMPRESSED_H
#define MAYFLY_COMPRESSED_H

#include "base/bytes.h"
#include "base/report.h"

/* The command that unpacks files of the format NAME, which FILE holds as text from OFFSET on;
 * NULL if no format is called so. */
const char *compressed_command(struct bytes file, uint64_t offset);

/* True if FILE is compressed in a way that the kernel can unpack. */
bool compressed_known(struct bytes file);

/* True if FILE is compressed: PROBLEM ("is …") has the command that unpacks FILE to a file
 * called UNPACKED. */
bool compressed_explain(struct bytes file, const char *unpacked, struct problem *problem);

#endif
