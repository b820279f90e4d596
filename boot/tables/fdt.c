#include "tables/fdt.h"

#include <string.h>

#include "base/report.h"
#include "base/text.h"

enum {
	MAGIC = (int)0xd00dfeed,
	VERSION = 17,
	LAST_COMPATIBLE_VERSION = 16,
	RESERVATIONS = FDT_HEADER_SIZE, /* the memory reservation block: one empty entry */
	RESERVATIONS_SIZE = 16,
	STRUCTURE = RESERVATIONS + RESERVATIONS_SIZE,
};

enum { BEGIN_NODE = 1, END_NODE = 2, PROPERTY = 3, END = 9 };

static void put_be32(uint8_t *p, uint32_t value)
{
	p[0] = (uint8_t)(value >> 24);
	p[1] = (uint8_t)(value >> 16);
	p[2] = (uint8_t)(value >> 8);
	p[3] = (uint8_t)value;
}

/* Reserves SIZE bytes, rounded up to whole cells and zeroed. NULL if there is no room. */
static uint8_t *reserve(struct fdt *fdt, size_t size)
{
	size_t room = fdt->overflow ? 0 : fdt->capacity - fdt->size;

	if (size > room || ((size + 3) & ~(size_t)3) > room) {
		fdt->overflow = true;
		return NULL;
	}
	uint8_t *place = fdt->buffer + fdt->size;
	size = (size + 3) & ~(size_t)3;
	memset(place, 0, size);
	fdt->size += size;
	return place;
}

static void put_cell(struct fdt *fdt, uint32_t value)
{
	uint8_t *place = reserve(fdt, 4);

	if (place)
		put_be32(place, value);
}

static void put_bytes(struct fdt *fdt, const void *data, size_t size)
{
	uint8_t *place = reserve(fdt, size);

	if (place && size)
		memcpy(place, data, size);
}

/* The offset of NAME in the strings block, where each name is once. */
static uint32_t name_offset(struct fdt *fdt, const char *name)
{
	size_t size = strlen(name) + 1, at = 0;

	while (at < fdt->names_size) {
		if (!strcmp(fdt->names + at, name))
			return (uint32_t)at;
		at += strlen(fdt->names + at) + 1;
	}
	if (size > FDT_NAMES_MAX - fdt->names_size) {
		fdt->overflow = true;
		return 0;
	}
	memcpy(fdt->names + at, name, size);
	fdt->names_size += size;
	return (uint32_t)at;
}

void fdt_begin(struct fdt *fdt, uint8_t *buffer, size_t capacity)
{
	*fdt = (struct fdt){.buffer = buffer, .capacity = capacity};
	reserve(fdt, STRUCTURE);
	fdt_node(fdt, "");
}

size_t fdt_finish(struct fdt *fdt)
{
	fdt_end(fdt);
	put_cell(fdt, END);

	uint32_t names = (uint32_t)fdt->size;
	put_bytes(fdt, fdt->names, fdt->names_size);
	if (fdt->overflow || fdt->depth)
		return 0;

	const uint32_t header[FDT_HEADER_SIZE / 4] = {
		(uint32_t)MAGIC,
		(uint32_t)fdt->size,
		STRUCTURE,
		names,
		RESERVATIONS,
		VERSION,
		LAST_COMPATIBLE_VERSION,
		0, /* the CPU that boots */
		(uint32_t)fdt->names_size,
		names - STRUCTURE,
	};
	for (unsigned i = 0; i < FDT_HEADER_SIZE / 4; i++)
		put_be32(fdt->buffer + 4 * i, header[i]);
	return fdt->size;
}

void fdt_node(struct fdt *fdt, const char *name)
{
	fdt->depth++;
	put_cell(fdt, BEGIN_NODE);
	put_bytes(fdt, name, strlen(name) + 1);
}

void fdt_node_at(struct fdt *fdt, const char *name, uint64_t unit_address)
{
	struct text text;

	text_set(&text, "%s@%llx", name, (unsigned long long)unit_address);
	fdt_node(fdt, text.text);
}

void fdt_end(struct fdt *fdt)
{
	fdt->depth--;
	put_cell(fdt, END_NODE);
}

/* The caller adds SIZE bytes of value. */
static void begin_property(struct fdt *fdt, const char *name, size_t size)
{
	put_cell(fdt, PROPERTY);
	put_cell(fdt, (uint32_t)size);
	put_cell(fdt, name_offset(fdt, name));
}

void fdt_property(struct fdt *fdt, const char *name, const void *data, size_t size)
{
	begin_property(fdt, name, size);
	put_bytes(fdt, data, size);
}

void fdt_string(struct fdt *fdt, const char *name, const char *text)
{
	fdt_property(fdt, name, text, strlen(text) + 1);
}

void fdt_cells(struct fdt *fdt, const char *name, const uint32_t *cells, unsigned count)
{
	begin_property(fdt, name, 4 * (size_t)count);
	for (unsigned i = 0; i < count; i++)
		put_cell(fdt, cells[i]);
}

void fdt_u32(struct fdt *fdt, const char *name, uint32_t value)
{
	fdt_cells(fdt, name, &value, 1);
}

static void put_number(struct fdt *fdt, uint64_t value)
{
	put_cell(fdt, (uint32_t)(value >> 32));
	put_cell(fdt, (uint32_t)value);
}

void fdt_u64(struct fdt *fdt, const char *name, uint64_t value)
{
	begin_property(fdt, name, 8);
	put_number(fdt, value);
}

void fdt_reg(struct fdt *fdt, const struct fdt_range *ranges, unsigned count)
{
	begin_property(fdt, "reg", 16 * (size_t)count);
	for (unsigned i = 0; i < count; i++) {
		put_number(fdt, ranges[i].address);
		put_number(fdt, ranges[i].size);
	}
}
