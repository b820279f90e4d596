/* Tar archives that are refused: of kinds that nobody unpacks, with numbers that do not fit,
 * damaged or cut anywhere. */
#include <stdlib.h>

#include "tar_reader.h"

/* --- what is refused --- */

static void sparse_files(void **state)
{
	(void)state;
	add(&archive, "big", 'S', "data");
	add_end(&archive);
	assert_only_refused("a sparse file at byte 0: big (make it without tar's option -S)");
	for (const char *typeflag = "xg"; *typeflag; typeflag++) {
		archive.size = 0;
		add_record(&archive, *typeflag, "GNU.sparse.major", "1");
		add(&archive, "GNUSparseFile.0/big", '0', "data");
		assert_only_refused("a sparse file at byte 0 (make it without tar's option -S)");
	}
}

static void parts_of_archives(void **state)
{
	(void)state;
	add(&archive, "file", 'M', "data");
	assert_only_refused(
		"the rest of a file in another archive at byte 0: file (make it without "
		"tar's option -M)");
}

static void strangers(void **state)
{
	static const struct {
		const char *magic;
		size_t size;
		const char *says;
	} files[] = {{"\x1f\x8b\x08\x00", 4,
		      "is compressed with gzip (unpack it first: gunzip -c FILE >rootfs.tar)"},
		     {"\xfd"
		      "7zXZ\x00",
		      6, "is compressed with xz (unpack it first: xz -dc FILE >rootfs.tar)"},
		     {"\x28\xb5\x2f\xfd", 4,
		      "is compressed with zstd (unpack it first: zstd -dc FILE >rootfs.tar)"},
		     {"BZh91AY", 7,
		      "is compressed with bzip2 (unpack it first: bzip2 -dc FILE >rootfs.tar)"},
		     {"\x7f"
		      "ELF",
		      4, "is no tar archive, or one of nothing (give what "},
		     {"", 0, "is no tar archive, or one of nothing (give what "}};

	(void)state;
	for (unsigned i = 0; i < COUNT(files); i++)
		for (archive.size = 64; archive.size <= 4 * SECTOR; archive.size *= 2) {
			memset(archive.data, 0, archive.size);
			memcpy(archive.data, files[i].magic, files[i].size);
			assert_only_refused(files[i].says);
		}
	archive.size = 0;
	assert_only_refused("is empty (give what ");
	/* A member may be called as gzip begins. */
	add(&archive, "\x1f\x8b", '0', "");
	add_end(&archive);
	begin();
	assert_member("\x1f\x8b");
	assert_end();
}

/* --- numbers --- */

static void octal_numbers(void **state)
{
	static const struct {
		const char *field;
		bool good;
		uint32_t value;
	} numbers[] = {{"0000007\0", true, 7},        {"00000007", true, 7}, /* all of the field */
		       {"77777777", true, 077777777}, {"     7 \0", true, 7},
		       {"      7\0", true, 7},        {"7\0zzzzzz", true, 7},
		       {"7 zzzzzz", true, 7},         {"\0\0\0\0\0\0\0\0", true, 0},
		       {"        ", true, 0},         {"0000008\0", false, 0},
		       {"000000-\0", false, 0},       {"-000007\0", false, 0},
		       {"0x00007\0", false, 0},       {"zzzzzzz\0", false, 0},
		       {"\t00007\0", false, 0}};

	(void)state;
	for (unsigned i = 0; i < COUNT(numbers); i++) {
		archive.size = 0;
		uint8_t *header = add_header(&archive, "name", '0', 0);
		memcpy(header + AT_UID, numbers[i].field, 8);
		seal(header);
		add_end(&archive);
		begin();
		if (!numbers[i].good) {
			assert_refused("a number that is none, or too large, at byte 0: name (");
			continue;
		}
		assert_member("name");
		assert_each(member.uid == numbers[i].value, "wrong number", i);
	}
}

static void binary_numbers(void **state)
{
	uint8_t *header;

	(void)state;
	header = add_header(&archive, "a", '3', 0);
	put_binary(header + AT_UID, 8, 3000000);
	put_binary(header + AT_GID, 8, UINT32_MAX);
	put_binary(header + AT_MTIME, 12, 0x123456789abcdef0);
	put_binary(header + AT_SIZE, 12, 0);
	put_binary(header + AT_MODE, 8, 0107777);
	put_binary(header + AT_DEVMAJOR, 8, 1);
	put_binary(header + AT_DEVMINOR, 8, UINT32_MAX);
	seal(header);
	header = add_header(&archive, "b", '0', 0);
	memset(header + AT_MTIME, 0xff, 12); /* -1: 1969 */
	seal(header);
	header = add_header(&archive, "c", '0', 0);
	memcpy(header + AT_MTIME, "yesterday", 9);
	seal(header);
	add_record(&archive, 'x', "mtime", "-1.5");
	add_header(&archive, "d", '0', 0);
	add_end(&archive);
	begin();
	assert_member("a");
	assert_int_equal(member.uid, 3000000);
	assert_int_equal(member.gid, UINT32_MAX);
	assert_int_equal(member.mtime, 0x123456789abcdef0);
	assert_int_equal(member.mode, 07777);
	assert_int_equal(member.major, 1);
	assert_int_equal(member.minor, UINT32_MAX);
	for (const char *name = "b\0c\0d\0"; *name; name += 2) {
		assert_member(name);
		assert_int_equal(member.mtime, 0);
	}
	assert_end();
}

/* Every number that a member has, and what does not fit it. */
static void numbers_that_do_not_fit(void **state)
{
	static const struct {
		size_t at, size;
		bool id;
	} fields[] = {{AT_MODE, 8, false},    {AT_UID, 8, true},      {AT_GID, 8, true},
		      {AT_DEVMAJOR, 8, true}, {AT_DEVMINOR, 8, true}, {AT_SIZE, 12, false}};
	uint8_t *header;

	(void)state;
	for (unsigned i = 0; i < COUNT(fields); i++) {
		archive.size = 0;
		header = add_header(&archive, "name", '4', 0);
		add_end(&archive);
		memset(header + fields[i].at, 0xff, fields[i].size); /* negative */
		seal(header);
		assert_only_refused("a number that is none, or too large, at byte 0: name (");
		memset(header + fields[i].at, '9', fields[i].size);
		seal(header);
		assert_only_refused("a number that is none, or too large, at byte 0: name (");
		put_binary(header + fields[i].at, fields[i].size, 1ull << 32);
		seal(header);
		begin();
		if (fields[i].id)
			assert_refused("a number that is none, or too large, at byte 0: name (");
		else
			assert_member("name");
	}
	/* The size's field has room for more than 64 bits. */
	for (unsigned byte = 0; byte < 4; byte++) {
		put_binary(header + AT_SIZE, 12, 0);
		header[AT_SIZE + byte] |= 1;
		seal(header);
		assert_only_refused("a number that is none, or too large, at byte 0: name (");
	}
}

static void decimal_numbers(void **state)
{
	static const char *const values[][2] = {{"uid", "4294967296"},
						{"uid", "18446744073709551616"},
						{"uid", "-1"},
						{"uid", "1.5"},
						{"gid", "0x10"},
						{"gid", " 1"},
						{"gid", "1 "},
						{"gid", "99999999999999999999999"},
						{"size", "1.0"},
						{"size", "18446744073709551616"},
						{"size", "184467440737095516150"}};

	(void)state;
	for (unsigned i = 0; i < COUNT(values); i++) {
		archive.size = 0;
		add_record(&archive, 'x', values[i][0], values[i][1]);
		add_header(&archive, "name", '0', 0);
		add_end(&archive);
		assert_only_refused("a number that is none, or too large, at byte 1024: name (");
	}
}

/* Whatever the size's source, and however near to 2^64: the data is in the file, or the member
 * is refused. */
static void sizes_beyond_the_file(void **state)
{
	static const uint64_t sizes[] = {3 * SECTOR + 1,   1ull << 32,        INT64_MAX,
					 1ull << 63,       UINT64_MAX - 2048, UINT64_MAX - 1024,
					 UINT64_MAX - 512, UINT64_MAX - 511,  UINT64_MAX};
	static const char types[] = "017ZDxgLKVX";

	(void)state;
	for (unsigned i = 0; i < COUNT(sizes); i++)
		for (unsigned type = 0; types[type]; type++) {
			char text[32];

			archive.size = 0;
			uint8_t *header = add_link(&archive, "name", types[type], "target");
			put_binary(header + AT_SIZE, 12, sizes[i]);
			seal(header);
			add_data(&archive, "not a header", 12);
			add_end(&archive);
			assert_only_refused("a member that is cut short at byte 0");
			if (strchr("xgLKVX", types[type]))
				continue;
			archive.size = 0;
			snprintf(text, sizeof(text), "%llu", (unsigned long long)sizes[i]);
			add_record(&archive, 'x', "size", text);
			add_link(&archive, "name", types[type], "target");
			add_data(&archive, "not a header", 12);
			add_end(&archive);
			assert_only_refused(
				"a member that is cut short at byte 1024: name (copy it "
				"again)");
		}
}

/* --- checksums, ends --- */

/* Any byte that differs is noticed, those of the checksum's last two (a NUL and a space)
 * excepted. */
static void every_byte_of_a_header(void **state)
{
	uint8_t *header;

	(void)state;
	add(&archive, "first", '0', "");
	header = add(&archive, "name", '0', "");
	add_end(&archive);
	for (unsigned i = 0; i < AT_CHECKSUM + 6; i++) {
		header[i] ^= 1;
		begin();
		assert_member("first");
		assert_int_equal(next(), TAR_DAMAGED);
		assert_string_equal(
			in_words(&problem),
			"is a tar archive with a damaged header at byte 512 (make it again)");
		header[i] ^= 1;
	}
	for (unsigned i = AT_TYPEFLAG; i < SECTOR; i++) {
		header[i] ^= 0x80;
		begin();
		assert_member("first");
		/* A signed sum would have fallen by 128, the unsigned one has grown. */
		assert_int_equal(next(), TAR_DAMAGED);
		header[i] ^= 0x80;
	}
}

static void signed_checksums(void **state)
{
	uint8_t *header = add_header(&archive, "na\xc3\xafve", '0', 0);
	unsigned long sum;

	(void)state;
	add_end(&archive);
	sum = strtoul((char *)header + AT_CHECKSUM, NULL, 8);
	snprintf((char *)header + AT_CHECKSUM, 8, "%06lo", sum - 2 * 256);
	begin();
	assert_member("na\xc3\xafve");
	snprintf((char *)header + AT_CHECKSUM, 8, "%06lo", sum - 256);
	assert_only_refused("is no tar archive");
}

static void ends(void **state)
{
	(void)state;
	add(&archive, "file", '0', "data");
	size_t end = archive.size;
	add_end(&archive);
	memset(archive.data + archive.size, 'x', SECTOR);
	for (size_t size = end; size <= end + 3 * SECTOR; size++) {
		archive.size = size;
		begin();
		assert_member("file");
		if (size == end + SECTOR || size >= end + 2 * SECTOR)
			assert_end();
		else
			assert_refused(
				"is a tar archive with no end, cut short at byte 1024 (copy it "
				"again)");
	}
	archive.data[end + 2 * SECTOR - 1] = 'x';
	begin();
	assert_member("file");
	assert_refused("a lone block of zeros at byte 1024 (");
	archive.size = end + SECTOR;
	add(&archive, "after", '0', "");
	begin();
	assert_member("file");
	assert_refused("a lone block of zeros at byte 1024 (");
}

/* No beginning of an archive passes for all of it, nor is anything read behind its end. */
static void every_beginning(void **state)
{
	(void)state;
	add(&archive, "file", '0', "data");
	add_record(&archive, 'x', "path", "long/name");
	add(&archive, "name", '0', "more");
	add(&archive, "././@LongLink", 'K', "target");
	add_link(&archive, "link", '1', "x");
	add(&archive, "last", '0', "");
	size_t whole = archive.size + SECTOR;
	add_end(&archive);
	for (size_t size = 0; size <= archive.size; size++) {
		uint8_t *exact = malloc(size ? size : 1);
		enum tar_answer answer;
		unsigned members = 0;

		memcpy(exact, archive.data, size);
		tar = (struct tar){.file = {exact, size}};
		while ((answer = next()) == TAR_MEMBER) {
			members++;
			assert_true(!member.data.size ||
				    (member.data.data >= exact &&
				     member.data.data + member.data.size <= exact + size));
		}
		free(exact);
		bool good = size == whole || size == archive.size;
		assert_each((answer == TAR_END) == good, "wrong end for size", size);
		assert_each(!good || members == 4, "wrong members for size", size);
		if (!good)
			assert_mends(in_words(&problem), "is ");
	}
}

/* Memory is bounded, and so is time: one header after the other that describes nobody. */
static void endless_headers(void **state)
{
	(void)state;
	while (archive.size + 2 * SECTOR <= sizeof(archive.data))
		add(&archive, "././@LongLink", archive.size & SECTOR * 2 ? 'L' : 'K', "name");
	assert_only_refused("no end, cut short at byte 40960 (");
	archive.size -= 4 * SECTOR;
	add_link(&archive, "own", '2', "t");
	add_end(&archive);
	begin();
	assert_member("name");
	assert_string_equal(member.target, "name");
	assert_end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ONE(sparse_files),
		ONE(parts_of_archives),
		ONE(strangers),
		ONE(octal_numbers),
		ONE(binary_numbers),
		ONE(numbers_that_do_not_fit),
		ONE(decimal_numbers),
		ONE(sizes_beyond_the_file),
		ONE(every_byte_of_a_header),
		ONE(signed_checksums),
		ONE(ends),
		ONE(every_beginning),
		ONE(endless_headers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
