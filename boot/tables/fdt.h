/* A writer of flattened device trees (Devicetree Specification 0.4 §5). It writes to the caller's
 * buffer, and remembers if the buffer was too small. */
#ifndef MAYFLY_FDT_H
#define MAYFLY_FDT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FDT_NAMES_MAX 512 /* bytes of all property names */
#define FDT_HEADER_SIZE 40

struct fdt {
	uint8_t *buffer;
	size_t capacity, size;
	unsigned depth;            /* open nodes */
	char names[FDT_NAMES_MAX]; /* of properties, each once, NUL-terminated */
	size_t names_size;
	bool overflow; /* something did not fit: the tree is unusable */
};

/* Begins a tree and its root node in BUFFER, which must be 8-byte aligned for the guest. */
void fdt_begin(struct fdt *fdt, uint8_t *buffer, size_t capacity);

/* Ends the tree. Returns its size in bytes, or 0 if something did not fit or a node is still
 * open. */
size_t fdt_finish(struct fdt *fdt);

/* A node's properties come before its children. */
void fdt_node(struct fdt *fdt, const char *name);
void fdt_node_at(struct fdt *fdt, const char *name, uint64_t unit_address);
void fdt_end(struct fdt *fdt);

/* SIZE 0: a property without a value. DATA may then be NULL. */
void fdt_property(struct fdt *fdt, const char *name, const void *data, size_t size);
void fdt_string(struct fdt *fdt, const char *name, const char *text);

/* COUNT 32-bit cells. A 64-bit number has two cells. */
void fdt_cells(struct fdt *fdt, const char *name, const uint32_t *cells, unsigned count);
void fdt_u32(struct fdt *fdt, const char *name, uint32_t value);
void fdt_u64(struct fdt *fdt, const char *name, uint64_t value);

/* "reg" of COUNT pairs of address and size, two cells each. */
struct fdt_range {
	uint64_t address, size;
};
void fdt_reg(struct fdt *fdt, const struct fdt_range *ranges, unsigned count);

#endif
