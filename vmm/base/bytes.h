/* Little-endian fields of files and tables, and a bounded view of a file's bytes. */
#ifndef MAYFLY_BYTES_H
#define MAYFLY_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Bytes that belong to somebody else: read only, not owned. */
struct bytes {
	const uint8_t *data;
	size_t size;
};

/* True if SIZE bytes from OFFSET lie inside FILE. The check cannot wrap. */
static inline bool bytes_have(struct bytes file, uint64_t offset, uint64_t size)
{
	return size <= file.size && offset <= file.size - size;
}

/* True if FILE has the LENGTH bytes of WHAT at OFFSET. */
static inline bool bytes_hold(struct bytes file, uint64_t offset, const char *what, size_t length)
{
	return bytes_have(file, offset, length) && !memcmp(file.data + offset, what, length);
}

static inline uint16_t get_le16(const uint8_t *p)
{
	return (uint16_t)(p[0] | p[1] << 8);
}

static inline uint32_t get_le32(const uint8_t *p)
{
	return (uint32_t)get_le16(p) | (uint32_t)get_le16(p + 2) << 16;
}

static inline uint64_t get_le64(const uint8_t *p)
{
	return (uint64_t)get_le32(p) | (uint64_t)get_le32(p + 4) << 32;
}

static inline void put_le16(uint8_t *p, uint16_t value)
{
	p[0] = (uint8_t)value;
	p[1] = (uint8_t)(value >> 8);
}

static inline void put_le32(uint8_t *p, uint32_t value)
{
	put_le16(p, (uint16_t)value);
	put_le16(p + 2, (uint16_t)(value >> 16));
}

static inline void put_le64(uint8_t *p, uint64_t value)
{
	put_le32(p, (uint32_t)value);
	put_le32(p + 4, (uint32_t)(value >> 32));
}

/* ALIGNMENT is a power of two. The caller knows that VALUE is far from 2^64. */
static inline uint64_t align_up(uint64_t value, uint64_t alignment)
{
	return (value + alignment - 1) & ~(alignment - 1);
}

#endif
