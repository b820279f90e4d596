/* Initrds: archives with changed sizes, names and bytes, cut anywhere, checked against a second
 * walk that is written differently. */
#include "fuzz.h"

#include "../unit/samples.h"
#include "kernel/image.h"

enum { ARCHIVE_MAX = 2048 };

static const uint64_t bases[] = {0, 1, 4, 5, 11, 0x100, 0x200, 0x7fffffff, 0x80000000, 0xfffffff0,
				 UINT32_MAX};

/* Eight digits, of either case; -1 if they are none. */
static int64_t number(const uint8_t *digits)
{
	char text[9] = "";

	memcpy(text, digits, 8);
	if (strspn(text, "0123456789abcdefABCDEF") != 8)
		return -1;
	return (int64_t)strtoul(text, NULL, 16);
}

/* Walks by what is left of the file, not by offsets from its start. */
static bool is_complete(const uint8_t *at, size_t left)
{
	while (left >= CPIO_HEADER && (!memcmp(at, "070701", 6) || !memcmp(at, "070702", 6))) {
		int64_t name = number(at + CPIO_NAME_SIZE), data = number(at + CPIO_FILE_SIZE);

		if (name < 0 || data < 0 || (uint64_t)name > left - CPIO_HEADER)
			return false;
		/* Header and name together are padded: members begin at multiples of 4. */
		uint64_t head = (CPIO_HEADER + (uint64_t)name + 3) / 4 * 4;
		if (head > left || (uint64_t)data > left - head)
			return false;
		if (name == 11 && !memcmp(at + CPIO_HEADER, "TRAILER!!!", 11))
			return true;
		uint64_t member = head + ((uint64_t)data + 3) / 4 * 4;
		if (member > left)
			return false;
		at += member;
		left -= member;
	}
	return false;
}

static bool is_compressed(const uint8_t *data, size_t size)
{
	return size >= 2 && strchr("\x1f\xfd\x28\x02\x42\x5d\x89", data[0]) && data[0];
}

static size_t build(struct input *input, uint8_t *archive)
{
	unsigned members = take8(input) % 4;
	char name[] = "file-with-a-long-name";
	size_t at = 0;

	while (members--) {
		name[take8(input) % (sizeof(name) - 1)] = '\0';
		at = sample_member(archive, at, name, 0100644, name, take8(input) % strlen("file"));
		memcpy(name, "file-with-a-long-name", sizeof(name));
	}
	return sample_trailer(archive, at);
}

/* Changes sizes of members (wherever one might be) and single bytes. */
static void damage(struct input *input, uint8_t *archive, size_t size)
{
	while (input->size) {
		unsigned what = take8(input);
		size_t at = take16(input) % size;
		char digits[9];

		if (what % 4 == 0) {
			archive[at] = take8(input);
			continue;
		}
		at = (what & 8 ? at & ~(size_t)3 : 0) +
		     (what & 4 ? CPIO_NAME_SIZE : CPIO_FILE_SIZE);
		snprintf(digits, sizeof(digits), what & 16 ? "%08X" : "%08x",
			 (unsigned)take_near(input, bases, COUNT(bases)));
		if (at + 8 <= size)
			memcpy(archive + at, digits, 8);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = {data, size};
	struct problem problem = {"", ""};
	uint8_t archive[ARCHIVE_MAX] = {0};
	uint16_t cut = take16(&input);
	size_t length = build(&input, archive);

	damage(&input, archive, length);
	if (cut >= 0xc000)
		length = cut % (length + 8); /* sometimes longer: zeros behind it */
	uint8_t *copy = exact_copy(archive, length);
	bool good = initrd_check((struct bytes){copy, length}, &problem);
	if (!good)
		require_refusal(&problem);
	if (length >= 6 && !memcmp(copy, "07070", 5) && (copy[5] == '1' || copy[5] == '2'))
		REQUIRE(good == is_complete(copy, length));
	else
		REQUIRE(!good || is_compressed(copy, length));
	free(copy);
	return 0;
}
