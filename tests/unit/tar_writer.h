/* Tar archives byte by byte, right or wrong: offsets from POSIX, utility pax, table "ustar
 * Header Block". */
#ifndef MAYFLY_TAR_WRITER_H
#define MAYFLY_TAR_WRITER_H

#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum {
	AT_NAME = 0,
	AT_MODE = 100,
	AT_UID = 108,
	AT_GID = 116,
	AT_SIZE = 124,
	AT_MTIME = 136,
	AT_CHECKSUM = 148,
	AT_TYPEFLAG = 156,
	AT_LINKNAME = 157,
	AT_MAGIC = 257,
	AT_DEVMAJOR = 329,
	AT_DEVMINOR = 337,
	AT_PREFIX = 345,
	SECTOR = 512,
};

struct archive {
	size_t size;
	uint8_t data[40 * 1024];
};

/* Makes the checksum right. */
static inline void seal(uint8_t *header)
{
	unsigned sum = 0;

	memset(header + AT_CHECKSUM, ' ', 8);
	for (unsigned i = 0; i < SECTOR; i++)
		sum += header[i];
	snprintf((char *)header + AT_CHECKSUM, 8, "%06o", sum);
}

static inline void put_octal(uint8_t *field, size_t size, unsigned long long value)
{
	char digits[32];

	snprintf(digits, sizeof(digits), "%0*llo", (int)size - 1, value);
	memcpy(field, digits, size);
}

/* GNU's binary numbers, big-endian. */
static inline void put_binary(uint8_t *field, size_t size, uint64_t value)
{
	for (size_t i = size; i-- > 0; value >>= 8)
		field[i] = (uint8_t)value;
	field[0] |= 0x80;
}

/* Appends a ustar header; seal it again after changes. */
static inline uint8_t *add_header(struct archive *archive, const char *name, char typeflag,
				  size_t size)
{
	uint8_t *header = archive->data + archive->size;
	size_t length = strlen(name);

	memset(header, 0, SECTOR);
	memcpy(header + AT_NAME, name, length < 100 ? length : 100);
	put_octal(header + AT_MODE, 8, 0644);
	put_octal(header + AT_UID, 8, 1000);
	put_octal(header + AT_GID, 8, 100);
	put_octal(header + AT_SIZE, 12, size);
	put_octal(header + AT_MTIME, 12, 1700000000);
	header[AT_TYPEFLAG] = (uint8_t)typeflag;
	memcpy(header + AT_MAGIC, "ustar\00000", 8);
	seal(header);
	archive->size += SECTOR;
	return header;
}

static inline void add_data(struct archive *archive, const void *data, size_t size)
{
	size_t padded = (size + SECTOR - 1) / SECTOR * SECTOR;

	memset(archive->data + archive->size, 0, padded);
	memcpy(archive->data + archive->size, data, size);
	archive->size += padded;
}

/* A header and its data. */
static inline uint8_t *add(struct archive *archive, const char *name, char typeflag,
			   const char *data)
{
	uint8_t *header = add_header(archive, name, typeflag, strlen(data));

	add_data(archive, data, strlen(data));
	return header;
}

static inline uint8_t *add_link(struct archive *archive, const char *name, char typeflag,
				const char *target)
{
	uint8_t *header = add_header(archive, name, typeflag, 0);

	memcpy(header + AT_LINKNAME, target, strnlen(target, 100));
	seal(header);
	return header;
}

/* A pax header of type x or g with one record. */
static inline void add_record(struct archive *archive, char typeflag, const char *key,
			      const char *value)
{
	size_t body = strlen(key) + strlen(value) + 3, length = body + 1;
	char digits[16];
	static char record[8192];

	/* The length counts its own digits. */
	while ((size_t)snprintf(digits, sizeof(digits), "%zu", length) + body != length)
		length = body + strlen(digits);
	snprintf(record, sizeof(record), "%zu %s=%s\n", length, key, value);
	add(archive, "PaxHeaders/0", typeflag, record);
}

static inline void add_end(struct archive *archive)
{
	memset(archive->data + archive->size, 0, 2 * SECTOR);
	archive->size += 2 * SECTOR;
}

#endif
