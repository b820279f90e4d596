/* Compressed files, recognised by content, so that a reader of kernels, initrds or archives can
 * tell the user how to unpack one. */
#ifndef MAYFLY_COMPRESSED_H
#define MAYFLY_COMPRESSED_H

#include "base/bytes.h"
#include "base/report.h"

/* The command that unpacks the format whose name FILE has as text at OFFSET; NULL if there is no
 * such format. */
const char *compressed_command(struct bytes file, uint64_t offset);

/* True if FILE is compressed in a format that the kernel can unpack. */
bool compressed_known(struct bytes file);

/* True if FILE is compressed. PROBLEM ("is …") then has the command that unpacks FILE to a file
 * named UNPACKED. */
bool compressed_explain(struct bytes file, const char *unpacked, struct problem *problem);

#endif
