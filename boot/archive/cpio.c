#include "archive/cpio.h"

#include <string.h>

#define TRAILER "TRAILER!!!"

bool cpio_get(const uint8_t *header, enum cpio_field field, uint32_t *value)
{
	const uint8_t *digits = header + 6 + field * 8;

	*value = 0;
	for (unsigned i = 0; i < 8; i++) {
		uint8_t c = digits[i];
		uint32_t digit;

		if (c >= '0' && c <= '9')
			digit = c - '0';
		else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
			digit = (c | 0x20u) - 'a' + 10;
		else
			return false;
		*value = *value << 4 | digit;
	}
	return true;
}

bool cpio_check(struct bytes file, struct problem *problem)
{
	uint64_t offset = 0;

	for (;;) {
		uint32_t name_size, file_size;

		if (!bytes_have(file, offset, CPIO_HEADER_SIZE))
			return problem_set(problem,
					   "is cut short: no cpio trailer in its %zu bytes (copy "
					   "it again)",
					   file.size);
		const uint8_t *header = file.data + offset;
		if (memcmp(header, "07070", 5) || (header[5] != '1' && header[5] != '2') ||
		    !cpio_get(header, CPIO_FIELD_NAME_SIZE, &name_size) ||
		    !cpio_get(header, CPIO_FIELD_FILE_SIZE, &file_size))
			return problem_set(problem,
					   "is a damaged cpio archive (bad header at byte %llu)",
					   (unsigned long long)offset);
		uint64_t name = offset + CPIO_HEADER_SIZE;
		uint64_t data = align_up(name + name_size, 4);
		if (!bytes_have(file, name, name_size) || !bytes_have(file, data, file_size))
			return problem_set(problem,
					   "is cut short: a member at byte %llu ends beyond the "
					   "file's %zu bytes (copy it again)",
					   (unsigned long long)offset, file.size);
		if (name_size == sizeof(TRAILER) && !memcmp(file.data + name, TRAILER, name_size))
			return true;
		offset = align_up(data + file_size, 4);
	}
}

void cpio_data(struct cpio *cpio, const void *data, size_t size)
{
	if (cpio->write && size)
		cpio->failed |= !cpio->write(cpio->context, cpio->size, data, size);
	cpio->size += size;
}

void cpio_end(struct cpio *cpio)
{
	cpio_data(cpio, "\0\0\0", -cpio->size & 3);
}

static void put_field(uint8_t *header, enum cpio_field field, uint32_t value)
{
	static const uint8_t hex[] = "0123456789abcdef";
	uint8_t *digits = header + 6 + field * 8;

	for (unsigned i = 0; i < 8; i++)
		digits[i] = hex[value >> (28 - 4 * i) & 15];
}

void cpio_begin(struct cpio *cpio, const struct cpio_member *member)
{
	uint8_t header[CPIO_HEADER_SIZE];
	size_t name_size = strlen(member->name) + 1;

	memset(header, '0', sizeof(header));
	memcpy(header, "070701", 6);
	put_field(header, CPIO_FIELD_INODE, ++cpio->inode);
	put_field(header, CPIO_FIELD_MODE, member->mode);
	put_field(header, CPIO_FIELD_UID, member->uid);
	put_field(header, CPIO_FIELD_GID, member->gid);
	put_field(header, CPIO_FIELD_LINKS, 1);
	put_field(header, CPIO_FIELD_TIME, member->time);
	put_field(header, CPIO_FIELD_FILE_SIZE, member->size);
	put_field(header, CPIO_FIELD_DEVICE_MAJOR, member->major);
	put_field(header, CPIO_FIELD_DEVICE_MINOR, member->minor);
	put_field(header, CPIO_FIELD_NAME_SIZE, (uint32_t)name_size);
	cpio_data(cpio, header, sizeof(header));
	cpio_data(cpio, member->name, name_size);
	cpio_end(cpio);
}

void cpio_add(struct cpio *cpio, const char *name, uint32_t mode, struct bytes data)
{
	cpio_begin(cpio,
		   &(struct cpio_member){.name = name, .mode = mode, .size = (uint32_t)data.size});
	cpio_data(cpio, data.data, data.size);
	cpio_end(cpio);
}

bool cpio_finish(struct cpio *cpio)
{
	cpio_add(cpio, TRAILER, 0, (struct bytes){0});
	return !cpio->failed;
}
