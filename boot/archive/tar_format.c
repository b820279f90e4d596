#include "archive/tar_format.h"

#include <string.h>

const struct tar_fault tar_sparse = {"a sparse file", "make it without tar's option -S"};

static const struct tar_fault bad_record = {"a damaged pax record", "make it again"},
			      long_component = {"a file name of more than 255 bytes", "shorten it"},
			      upwards = {"a name that leads upwards",
					 "make it of a directory: tar -C DIR -c ."};

/* GNU tar manual, "Basic Tar Format": if bit 7 of the first byte is set, a big-endian binary number
 * follows; bit 6 is its sign. */
static bool get_binary(const char *field, size_t size, uint64_t *value)
{
	*value = (uint8_t)field[0] & 0x3f;
	for (size_t i = 1; i < size; i++) {
		if (*value >> 56)
			return false;
		*value = *value << 8 | (uint8_t)field[i];
	}
	return !(field[0] & 0x40);
}

bool tar_get_field(const char *field, size_t size, uint64_t *value)
{
	size_t i = 0;

	if (field[0] & 0x80)
		return get_binary(field, size, value);
	*value = 0;
	while (i < size && field[i] == ' ')
		i++;
	for (; i < size && field[i] >= '0' && field[i] <= '7'; i++)
		*value = *value << 3 | (uint64_t)(field[i] - '0');
	return i == size || field[i] == ' ' || field[i] == '\0';
}

bool tar_take_decimal(struct bytes *text, uint64_t *value)
{
	*value = 0;
	for (; text->size && *text->data >= '0' && *text->data <= '9'; text->size--) {
		if (__builtin_mul_overflow(*value, 10u, value) ||
		    __builtin_add_overflow(*value, *text->data - (unsigned)'0', value))
			return false;
		text->data++;
	}
	return true;
}

bool tar_is_zero(const struct tar_header *header)
{
	const char *block = (const char *)header;

	return block[0] == 0 && !memcmp(block, block + 1, TAR_BLOCK - 1);
}

/* The checksum is the sum of all bytes, with its own field as spaces. Old tars added signed
 * characters. */
bool tar_is_intact(const struct tar_header *header)
{
	const char *byte = (const char *)header;
	int64_t sum = 8 * ' ', signed_sum = 8 * ' ';
	uint64_t told;

	for (size_t i = 0; i < TAR_BLOCK; i++) {
		if (i - offsetof(struct tar_header, checksum) < sizeof(header->checksum))
			continue;
		sum += (uint8_t)byte[i];
		signed_sum += (int8_t)byte[i];
	}
	return tar_get_field(header->checksum, sizeof(header->checksum), &told) &&
	       ((int64_t)told == sum || (int64_t)told == signed_sum);
}

/* POSIX, "pax Extended Header": "%d %s=%s\n", <length>, <keyword>, <value>. The length is that of
 * the whole record. */
static bool take_record(struct bytes *records, struct bytes *key, struct bytes *value)
{
	struct bytes rest = *records;
	uint64_t length;

	if (!tar_take_decimal(&rest, &length) || length > records->size)
		return false;
	size_t digits = records->size - rest.size;
	if (length < digits + 2 || *rest.data != ' ' || records->data[length - 1] != '\n')
		return false;
	key->data = rest.data + 1;
	const uint8_t *equals = memchr(key->data, '=', length - digits - 2);
	if (!equals)
		return false;
	key->size = (size_t)(equals - key->data);
	*value = (struct bytes){equals + 1, length - digits - key->size - 3};
	*records = (struct bytes){records->data + length, records->size - length};
	return true;
}

static const char key_names[TAR_KEYS][9] = {"path", "linkpath", "size", "uid", "gid", "mtime"};

static bool begins(struct bytes key, const char *with)
{
	size_t length = strlen(with);

	return key.size >= length && !memcmp(key.data, with, length);
}

const struct tar_fault *tar_take_records(struct bytes records, struct bytes values[TAR_KEYS])
{
	while (records.size) {
		struct bytes key, value;

		if (!take_record(&records, &key, &value))
			return &bad_record;
		if (begins(key, "GNU.sparse."))
			return &tar_sparse;
		for (unsigned i = 0; i < TAR_KEYS; i++)
			if (key.size == strlen(key_names[i]) && begins(key, key_names[i]))
				values[i] = value;
	}
	return NULL;
}

const struct tar_fault *tar_check_name(const char *name)
{
	while (*name) {
		size_t length = strcspn(name, "/");

		if (length > TAR_COMPONENT_MAX)
			return &long_component;
		if (length == 2 && !memcmp(name, "..", 2))
			return &upwards;
		name += length + (name[length] == '/');
	}
	return NULL;
}

void tar_squeeze(char *name)
{
	char *out = name;

	for (const char *from = name; *from;) {
		size_t length = strcspn(from, "/");
		bool last = !from[length];

		if (length && !(length == 1 && *from == '.')) {
			if (out != name)
				*out++ = '/';
			memmove(out, from, length);
			out += length;
		}
		from += length + !last;
	}
	*out = '\0';
}
