/* Tar archives: byte by byte against POSIX (utility pax) and the GNU tar manual, damaged in every way, and as the machine's
 * own tars write them. */
#include "archive/tar.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "tar_writer.h"
#include "unit.h"

static struct archive archive;
static struct tar tar;
static struct tar_member member;
static struct problem problem;

static int set_up(void **state)
{
	(void)state;
	archive.size = 0;
	return 0;
}

static void begin(void)
{
	tar = (struct tar){.file = {archive.data, archive.size}};
}

static enum tar_answer next(void)
{
	memset(&member, 0xee, sizeof(member));
	problem_clear(&problem);
	return tar_next(&tar, &member, &problem);
}

static void assert_member(const char *name)
{
	enum tar_answer answer = next();

	assert_string_equal(in_words(&problem), "");
	assert_int_equal(answer, TAR_MEMBER);
	assert_string_equal(member.name, name);
}

static void assert_end(void)
{
	enum tar_answer answer = next();

	assert_string_equal(in_words(&problem), "");
	assert_int_equal(answer, TAR_END);
}

static void assert_data(const char *data)
{
	assert_int_equal(member.data.size, strlen(data));
	assert_memory_equal(member.data.data, data, strlen(data));
}

static void assert_refused(const char *says)
{
	assert_int_equal(next(), TAR_DAMAGED);
	assert_mends(in_words(&problem), "is ");
	assert_says(in_words(&problem), says);
	/* Nor is it better the next time. */
	assert_int_equal(next(), TAR_DAMAGED);
	assert_says(in_words(&problem), says);
}

/* The whole archive so far, and no more. */
static void assert_only_refused(const char *says)
{
	begin();
	assert_refused(says);
}

/* --- members --- */

static void a_file_golden(void **state)
{
	static const char header[SECTOR + 1] = "etc/motd\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0" /* 25 */
					       "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
					       "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
					       "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
					       "0104755\0" /* mode, with a type as some write it */
					       "0001750\0" /* uid 1000 */
					       "0000144\0" /* gid 100 */
					       "00000000005\0" /* size */
					       "14524770400\0" /* mtime */
					       "006262\0 "     /* checksum */
					       "0";            /* typeflag; no magic: V7 */
	uint8_t *file = archive.data;

	(void)state;
	memset(file, 0, 4 * SECTOR);
	memcpy(file, header, SECTOR);
	memcpy(file + SECTOR, "hello", 5);
	archive.size = 4 * SECTOR;
	begin();
	assert_member("etc/motd");
	assert_int_equal(member.kind, TAR_FILE);
	assert_string_equal(member.target, "");
	assert_int_equal(member.mode, 04755);
	assert_int_equal(member.uid, 1000);
	assert_int_equal(member.gid, 100);
	assert_int_equal(member.mtime, 1700000000);
	assert_data("hello");
	assert_ptr_equal(member.data.data, file + SECTOR);
	assert_end();
	assert_end();
}

/* Who has no data has none, whatever the size says: that of a directory is a quota. */
static void every_kind(void **state)
{
	static const struct {
		char typeflag;
		enum tar_kind kind;
	} kinds[] = {{'0', TAR_FILE},
		     {'\0', TAR_FILE},
		     {'7', TAR_FILE},
		     {'2', TAR_SYMBOLIC_LINK},
		     {'3', TAR_CHARACTER_DEVICE},
		     {'4', TAR_BLOCK_DEVICE},
		     {'5', TAR_DIRECTORY},
		     {'6', TAR_FIFO},
		     {'1', TAR_HARD_LINK},
		     {'A', TAR_FILE},
		     {'Z', TAR_FILE},
		     {'8', TAR_FILE},
		     {(char)0xff, TAR_FILE}};

	(void)state;
	for (unsigned i = 0; i < COUNT(kinds); i++) {
		uint8_t *header = add_header(&archive, "name", kinds[i].typeflag, 5);

		memcpy(header + AT_LINKNAME, "target", 6);
		put_octal(header + AT_DEVMAJOR, 8, 253);
		put_octal(header + AT_DEVMINOR, 8, 07777777);
		seal(header);
		if (kinds[i].kind == TAR_FILE)
			add_data(&archive, "12345", 5);
	}
	add_end(&archive);
	begin();
	for (unsigned i = 0; i < COUNT(kinds); i++) {
		bool device = kinds[i].typeflag == '3' || kinds[i].typeflag == '4';
		bool link = kinds[i].typeflag == '1' || kinds[i].typeflag == '2';

		assert_member("name");
		assert_each(member.kind == kinds[i].kind, "wrong kind for typeflag",
			    kinds[i].typeflag);
		assert_string_equal(member.target, link ? "target" : "");
		assert_int_equal(member.major, device ? 253 : 0);
		assert_int_equal(member.minor, device ? 07777777 : 0);
		assert_data(kinds[i].kind == TAR_FILE ? "12345" : "");
	}
	assert_end();
}

/* V7 has no type for directories; GNU's incremental ones have a list of names for data. */
static void directories_of_other_kinds(void **state)
{
	(void)state;
	add_header(&archive, "old/", '\0', 0);
	add(&archive, "odd/", '0', "data");
	add(&archive, "dump", 'D', "Yname\0");
	add(&archive, "file", '0', "data");
	add_end(&archive);
	begin();
	assert_member("old");
	assert_int_equal(member.kind, TAR_DIRECTORY);
	assert_member("odd");
	assert_int_equal(member.kind, TAR_DIRECTORY);
	assert_data("");
	assert_member("dump");
	assert_int_equal(member.kind, TAR_DIRECTORY);
	assert_data("");
	assert_member("file");
	assert_int_equal(member.kind, TAR_FILE);
	assert_end();
}

/* Old tars tell a hard link's size and give no data; pax may give the data again. */
static void hard_links_with_sizes(void **state)
{
	uint8_t *header;

	(void)state;
	header = add_link(&archive, "a", '1', "/f");
	put_octal(header + AT_SIZE, 12, 600);
	seal(header);
	header = add_link(&archive, "b", '1', "./f");
	put_octal(header + AT_SIZE, 12, 600);
	seal(header);
	add_data(&archive, memset((char[600]){0}, 'x', 600), 600);
	header = add_link(&archive, "c", '1', "f");
	put_octal(header + AT_SIZE, 12, 600);
	seal(header);
	add_end(&archive);
	begin();
	for (const char *name = "a\0b\0c\0"; *name; name += 2) {
		assert_member(name);
		assert_string_equal(member.target, "f");
		assert_data("");
	}
	assert_end();
}

static void volume_labels_are_no_members(void **state)
{
	(void)state;
	add_header(&archive, "backup of today", 'V', 0);
	add(&archive, "file", '0', "data");
	add(&archive, "end of today's", 'V', "data");
	add_end(&archive);
	begin();
	assert_member("file");
	assert_end();
}

/* --- names --- */

static void names_are_made_simple(void **state)
{
	static const char *const names[][2] = {{"a", "a"},
					       {"/a", "a"},
					       {"./a", "a"},
					       {"a/b/c", "a/b/c"},
					       {"a/b/c/", "a/b/c"},
					       {"//a//b///c", "a/b/c"},
					       {"././/./a/./b/.", "a/b"},
					       {".a/..b/...", ".a/..b/..."},
					       {"a..", "a.."},
					       {"a b\n\t\x1b[m", "a b\n\t\x1b[m"},
					       {"\xff\xfe", "\xff\xfe"}};

	(void)state;
	for (unsigned i = 0; i < COUNT(names); i++)
		add_link(&archive, names[i][0], '1', names[i][0]);
	add_end(&archive);
	begin();
	for (unsigned i = 0; i < COUNT(names); i++) {
		assert_member(names[i][1]);
		assert_int_equal(member.kind, TAR_HARD_LINK);
		assert_string_equal(member.target, names[i][1]);
	}
	assert_end();
}

static void the_root(void **state)
{
	static const char *const names[] = {"./", "/", ".", "", "//.//./"};

	(void)state;
	for (unsigned i = 0; i < COUNT(names); i++)
		add_header(&archive, names[i], '5', 0);
	add_header(&archive, "./", '0', 0);
	add_end(&archive);
	begin();
	for (unsigned i = 0; i < COUNT(names) + 1; i++) {
		assert_member("");
		assert_int_equal(member.kind, TAR_DIRECTORY);
	}
	assert_end();
}

static void members_without_names(void **state)
{
	static const char types[] = "0123467";

	(void)state;
	for (unsigned i = 0; types[i]; i++)
		for (unsigned dot = 0; dot < 2; dot++) {
			archive.size = 0;
			add_link(&archive, dot ? "." : "", types[i], "target");
			add_end(&archive);
			assert_only_refused("a member without a name at byte 0");
		}
}

static void names_that_lead_upwards(void **state)
{
	static const char *const names[] = {"..",     "../a",     "/..", "a/..",    "a/../b",
					    "./../a", "a//..//b", "../", "a/b/c/.."};

	(void)state;
	for (unsigned i = 0; i < COUNT(names); i++) {
		char says[128];

		archive.size = 0;
		add(&archive, "fine", '0', "");
		add(&archive, names[i], '0', "data");
		add_end(&archive);
		begin();
		assert_member("fine");
		snprintf(says, sizeof(says),
			 "is a tar archive with a name that leads upwards at byte 512: %s (make it "
			 "of a directory",
			 names[i]);
		assert_refused(says);
		archive.size = 0;
		add_link(&archive, "link", '1', names[i]);
		assert_only_refused("a hard link to what it cannot hold at byte 0: link (");
		archive.size = 0;
		add_record(&archive, 'x', "path", names[i]);
		add(&archive, "fine", '0', "data");
		begin();
		assert_refused("leads upwards at byte 1024: ");
	}
}

/* A symbolic link's text is whatever it is. */
static void symbolic_links(void **state)
{
	static const char *const texts[] = {"a", "/a//b/", "../..", "./.", "/", "a\nb"};
	char longest[TAR_NAME_SIZE];

	(void)state;
	for (unsigned i = 0; i < COUNT(texts); i++)
		add_link(&archive, "link", '2', texts[i]);
	memset(longest, '/', sizeof(longest));
	longest[TAR_NAME_SIZE - 1] = '\0';
	add_record(&archive, 'x', "linkpath", longest);
	add_link(&archive, "link", '2', "short");
	add_end(&archive);
	begin();
	for (unsigned i = 0; i < COUNT(texts); i++) {
		assert_member("link");
		assert_int_equal(member.kind, TAR_SYMBOLIC_LINK);
		assert_string_equal(member.target, texts[i]);
	}
	assert_member("link");
	assert_string_equal(member.target, longest);
	assert_end();
}

static void links_to_nothing(void **state)
{
	(void)state;
	add_link(&archive, "link", '2', "");
	assert_only_refused("a link to nothing at byte 0: link (");
	archive.size = 0;
	add_link(&archive, "link", '1', "./");
	assert_only_refused("a link to nothing at byte 0: link (");
}

/* All 155 and 100 bytes may be used, without a NUL. */
static void prefixes(void **state)
{
	char name[101], prefix[156], both[257];
	uint8_t *header;

	(void)state;
	memset(name, 'n', 100);
	name[100] = '\0';
	memset(prefix, 'p', 155);
	prefix[155] = '\0';
	snprintf(both, sizeof(both), "%s/%s", prefix, name);
	header = add_header(&archive, name, '0', 0);
	memcpy(header + AT_PREFIX, prefix, 155);
	memset(header + 500, 'x', 12); /* what follows is none of it */
	seal(header);
	header = add_header(&archive, "name", '0', 0);
	memcpy(header + AT_PREFIX, "prefix", 6);
	seal(header);
	header = add_header(&archive, "name", '0', 0);
	memcpy(header + AT_PREFIX, "14524525400", 12); /* GNU has a time of access here */
	memcpy(header + AT_MAGIC, "ustar  ", 8);
	seal(header);
	header = add_header(&archive, "name", '0', 0);
	memcpy(header + AT_PREFIX, "rubbish", 7);
	memset(header + AT_MAGIC, 0, 8); /* V7 has nothing */
	seal(header);
	header = add_header(&archive, "name", '0', 0);
	memcpy(header + AT_PREFIX, "..", 2);
	seal(header);
	add_end(&archive);
	begin();
	assert_member(both);
	assert_member("prefix/name");
	assert_member("name");
	assert_member("name");
	assert_refused("leads upwards at byte 2048: ../name");
}

static void long_components(void **state)
{
	char name[300];

	(void)state;
	for (unsigned length = 255; length <= 256; length++) {
		archive.size = 0;
		memset(name, 'n', sizeof(name));
		snprintf(name + length, sizeof(name) - length, "/b");
		add_record(&archive, 'x', "path", name);
		add_header(&archive, "short", '0', 0);
		add_end(&archive);
		begin();
		if (length == 255)
			assert_member(name);
		else
			assert_refused("a file name of more than 255 bytes at byte 1024: nnn");
	}
}

static void fill_path(char *path, size_t length)
{
	for (size_t i = 0; i < length; i++)
		path[i] = i % 200 == 199 && i + 1 < length ? '/' : 'p';
	path[length] = '\0';
}

static void long_names(void **state)
{
	static const char types[] = "xL";
	char path[4097];

	(void)state;
	for (unsigned i = 0; types[i]; i++)
		for (size_t length = 4095; length <= 4096; length++) {
			archive.size = 0;
			fill_path(path, length);
			if (types[i] == 'x')
				add_record(&archive, 'x', "path", path);
			else
				add(&archive, "././@LongLink", 'L', path);
			add_header(&archive, "short", '0', 0);
			add_end(&archive);
			begin();
			if (length == 4095)
				assert_member(path);
			else
				assert_refused("a name of more than 4095 bytes at byte");
		}
}

/* --- extended headers --- */

static void pax_records(void **state)
{
	static const char records[] = "12 path=p/q\n"
				      "14 linkpath=l\n"
				      "13 uid=70000\n"
				      "18 gid=4294967295\n"
				      "22 mtime=1234567890.5\n"
				      "19 comment=a\0b=\nc\n\n"
				      "28 SCHILY.xattr.user.a=path\n"
				      "11 paths=x\n"
				      "9 pat=xx\n"
				      "27 uid is not size=1 2 3 4\n"
				      "5 a=\n"
				      "10 size=3\n";
	uint8_t *header = add_header(&archive, "PaxHeaders/1", 'x', sizeof(records) - 1);

	(void)state;
	add_data(&archive, records, sizeof(records) - 1);
	add_header(&archive, "name", '0', 99999999);
	add_data(&archive, "abc", 3);
	add(&archive, "next", '0', "data");
	add_end(&archive);
	for (const char *typeflag = "xX"; *typeflag; typeflag++) {
		header[AT_TYPEFLAG] = (uint8_t)*typeflag;
		seal(header);
		begin();
		assert_member("p/q");
		assert_string_equal(member.target, "");
		assert_int_equal(member.uid, 70000);
		assert_int_equal(member.gid, 4294967295);
		assert_int_equal(member.mtime, 1234567890);
		assert_data("abc");
		/* They are for one member only. */
		assert_member("next");
		assert_int_equal(member.uid, 1000);
		assert_int_equal(member.gid, 100);
		assert_int_equal(member.mtime, 1700000000);
		assert_data("data");
		assert_end();
	}
}

static void several_extended_headers(void **state)
{
	(void)state;
	add_record(&archive, 'x', "path", "first");
	add_record(&archive, 'x', "uid", "5");
	add_record(&archive, 'x', "path", "second");
	add_header(&archive, "name", '0', 0);
	add_record(&archive, 'x', "linkpath", "pax");
	add(&archive, "././@LongLink", 'K', "long target");
	add(&archive, "././@LongLink", 'L', "long name");
	add_link(&archive, "name", '2', "target");
	add_end(&archive);
	begin();
	assert_member("second");
	assert_int_equal(member.uid, 5);
	assert_member("long name");
	assert_string_equal(member.target, "long target");
	assert_end();
}

/* POSIX: a member's own records win over global ones, an empty value takes them away. */
static void global_records(void **state)
{
	(void)state;
	add_record(&archive, 'g', "comment", "what git archive writes");
	add_header(&archive, "a", '0', 0);
	add_record(&archive, 'g', "uid", "7");
	add_header(&archive, "b", '0', 0);
	add_header(&archive, "c", '0', 0);
	add_record(&archive, 'x', "uid", "8");
	add_header(&archive, "d", '0', 0);
	add_record(&archive, 'x', "uid", "");
	add_header(&archive, "e", '0', 0);
	add_record(&archive, 'g', "uid", "9");
	add_header(&archive, "f", '0', 0);
	add_record(&archive, 'g', "uid", "");
	add_header(&archive, "g", '0', 0);
	add_record(&archive, 'g', "gid", "1");
	add_end(&archive);
	begin();
	static const uint32_t uids[] = {1000, 7, 7, 8, 1000, 9, 1000};
	for (unsigned i = 0; i < COUNT(uids); i++) {
		char name[] = {(char)('a' + i), '\0'};

		assert_member(name);
		assert_int_equal(member.uid, uids[i]);
	}
	assert_end();
}

static void damaged_records(void **state)
{
	static const struct {
		const char *text;
		size_t size;
	} records[] = {
#define RECORD(text) {text, sizeof(text) - 1}
		RECORD("path=a\n"),
		RECORD(" 9 path=a\n"),
		RECORD("9path=a\n"),
		RECORD("9xpath=a\n"),
		RECORD("9\npath=a\n"),
		RECORD("9 path=ab\n"),
		RECORD("11 path=a\n"),
		RECORD("10 path=a\n "),
		RECORD("9 path=a "),
		RECORD("9 pathea\n"),
		RECORD("0 path=a\n"),
		RECORD("1 path=a\n"),
		RECORD("2 path=a\n"),
		RECORD("3 \n"),
		RECORD("4 =\n\0"),
		RECORD("4 a\n"),
		RECORD("3 =path=a\n"),
		RECORD("-9 path=a\n"),
		RECORD("99999999 path=a\n"),
		RECORD("18446744073709551615 path=a\n"),
		RECORD("18446744073709551616 path=a\n"),
		RECORD("18446744073709551625 path=a\n"),
		RECORD("9"),
		RECORD("10 path=aa"),
		RECORD("\n"),
		RECORD("9 path=a\n\0\0\0"),
		RECORD("11 path=a\n9 path=b\n"),
		RECORD("8 path=a\n"),
#undef RECORD
	};

	(void)state;
	for (unsigned i = 0; i < COUNT(records); i++)
		for (const char *typeflag = "xg"; *typeflag; typeflag++) {
			archive.size = 0;
			uint8_t *header = add_header(&archive, "h", *typeflag, records[i].size);
			/* What is before the record is none of it. */
			header[SECTOR - 1] = '\n';
			seal(header);
			/* The sanitizer must not find anybody behind the record. */
			size_t size = SECTOR + records[i].size;
			add_data(&archive, records[i].text, records[i].size);
			uint8_t *exact = malloc(size);
			memcpy(exact, archive.data, size);
			tar = (struct tar){.file = {exact, size}};
			enum tar_answer answer = next();
			free(exact);
			assert_each(answer == TAR_DAMAGED &&
					    !strcmp(in_words(&problem),
						    "is a tar archive with a damaged pax record at "
						    "byte 0 (make it again)"),
				    "took damaged record", i);
		}
}

static void nuls_in_names(void **state)
{
	static const struct {
		const char *record;
		size_t size;
	} records[] = {{"12 path=a\0b\n", 12}, {"11 path=a\0\n", 11}, {"16 linkpath=a\0b\n", 16}};

	(void)state;
	for (unsigned i = 0; i < COUNT(records); i++) {
		archive.size = 0;
		add_header(&archive, "h", 'x', records[i].size);
		add_data(&archive, records[i].record, records[i].size);
		add_link(&archive, "name", '2', "target");
		assert_only_refused("a NUL in a name at byte 1024: ");
	}
}

/* The name of GNU's own ends at its NUL, or without one. */
static void gnu_long_names(void **state)
{
	uint8_t *header;

	(void)state;
	add(&archive, "././@LongLink", 'L', "dir/name");
	header = add_header(&archive, "././@LongLink", 'K', 7);
	memcpy(header + AT_MAGIC, "ustar  ", 8);
	seal(header);
	add_data(&archive, "tar\0get", 7);
	add_link(&archive, "dir/na", '2', "t");
	add(&archive, "././@LongLink", 'L', "");
	add_link(&archive, "own", '2', "t");
	add_end(&archive);
	begin();
	assert_member("dir/name");
	assert_string_equal(member.target, "tar");
	assert_member("own");
	assert_string_equal(member.target, "t");
	assert_end();
}

static void headers_of_nobody(void **state)
{
	static const char types[] = "xLK";

	(void)state;
	for (unsigned i = 0; types[i]; i++) {
		archive.size = 0;
		add(&archive, "file", '0', "");
		add(&archive, "h", types[i], types[i] == 'x' ? "8 uid=5\n" : "name");
		add_end(&archive);
		begin();
		assert_member("file");
		assert_refused("a header that describes no member at byte 1536 (");
	}
}

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

/* Whatever the size's source, and however near to 2^64: the data is in the file, or the member is refused. */
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

/* Any byte that differs is noticed, those of the checksum's last two (a NUL and a space) excepted. */
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

/* --- real ones --- */

#define DEEP "a-directory-with-a-name-of-forty-bytes---/another-directory-with-a-name-of-forty/"

static char work[] = "/tmp/mayfly-tar-XXXXXX";

static void shell(const char *command)
{
	char line[4096];

	snprintf(line, sizeof(line), "exec 2>&1; cd %s && { %s; }", work, command);
	assert_int_equal(system(line), 0);
}

/* Short names for the formats that have no others. */
static int make_tree(void **state)
{
	(void)state;
	strcpy(work + sizeof(work) - 7, "XXXXXX");
	assert_non_null(mkdtemp(work));
	shell("umask 022; mkdir -p short/d/e long/" DEEP DEEP DEEP DEEP
	      " && echo hello >short/file && "
	      "chmod 4750 short/file && touch -d @1600000000 short/file && ln -s ../nowhere short/link && "
	      "ln short/file short/d/hard && mkfifo short/fifo && : >short/d/e/empty && "
	      "head -c 1000 /dev/zero | tr '\\0' x >short/d/x && chmod 1777 short/d/e");
	shell("cd long && echo deep >" DEEP DEEP DEEP DEEP "file && ln -s " DEEP DEEP DEEP DEEP
	      "file link && ln " DEEP DEEP DEEP DEEP "file zhard && "
	      "truncate -s 1M ../holes && echo end >>../holes");
	return 0;
}

static int remove_tree(void **state)
{
	char line[128];

	(void)state;
	snprintf(line, sizeof(line), "rm -rf %s", work);
	return system(line);
}

static void open_real(void)
{
	char path[64];
	struct stat status;

	snprintf(path, sizeof(path), "%s/archive", work);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &status), 0);
	void *data = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	close(fd);
	assert_true(data != MAP_FAILED);
	tar = (struct tar){.file = {data, (size_t)status.st_size}};
}

static void close_real(void)
{
	union {
		const void *read_only;
		void *mapped;
	} data = {tar.file.data};

	munmap(data.mapped, tar.file.size);
}

static void assert_this(const char *name, enum tar_kind kind, uint32_t mode, const char *target)
{
	assert_member(name);
	assert_int_equal(member.kind, kind);
	assert_string_equal(member.target, target);
	if (kind != TAR_SYMBOLIC_LINK)
		assert_int_equal(member.mode, mode);
	assert_true(kind == TAR_FILE || !member.data.size);
}

static void assert_short_tree(void)
{
	assert_this("", TAR_DIRECTORY, 0755, "");
	assert_this("d", TAR_DIRECTORY, 0755, "");
	assert_this("d/e", TAR_DIRECTORY, 01777, "");
	assert_this("d/e/empty", TAR_FILE, 0644, "");
	assert_data("");
	assert_this("d/hard", TAR_FILE, 04750, "");
	assert_data("hello\n");
	assert_int_equal(member.mtime, 1600000000);
	assert_this("d/x", TAR_FILE, 0644, "");
	assert_int_equal(member.data.size, 1000);
	assert_int_equal(member.data.data[999], 'x');
	assert_this("fifo", TAR_FIFO, 0644, "");
	assert_this("file", TAR_HARD_LINK, 04750, "d/hard");
	assert_this("link", TAR_SYMBOLIC_LINK, 0777, "../nowhere");
	assert_end();
}

static void need(const char *command)
{
	if (system(command) == 0)
		return;
	print_message("skipped: this machine has not what this test needs: %s\n", command);
	skip();
}

#define GNU_TAR "tar --version 2>/dev/null | grep -q 'GNU tar'"

static void real_gnu_tars(void **state)
{
	static const char *const formats[] = {"v7", "oldgnu", "gnu", "ustar", "posix"};

	(void)state;
	need(GNU_TAR);
	for (unsigned i = 0; i < COUNT(formats); i++) {
		char command[256];
		bool v7 = i == 0;

		/* V7 has no FIFOs. */
		snprintf(command, sizeof(command),
			 "tar -C short -cf archive --format=%s --sort=name %s .", formats[i],
			 v7 ? "--exclude=./fifo" : "");
		shell(command);
		open_real();
		if (v7)
			assert_this("", TAR_DIRECTORY, 0755, "");
		else
			assert_short_tree();
		close_real();
	}
}

static void real_long_names(void **state)
{
	static const char *const formats[] = {"oldgnu", "gnu", "posix"};
	char path[400] = "";

	(void)state;
	need(GNU_TAR);
	for (unsigned i = 0; i < COUNT(formats); i++) {
		char command[256];

		snprintf(command, sizeof(command),
			 "tar -C long -cf archive --format=%s --sort=name --owner=o:3000000 "
			 "--group=g:4000000000 --mtime=@1500000000.25 .",
			 formats[i]);
		shell(command);
		open_real();
		assert_this("", TAR_DIRECTORY, 0755, "");
		for (const char *slash = DEEP DEEP DEEP DEEP; (slash = strchr(slash, '/'));
		     slash++) {
			snprintf(path, sizeof(path), "%.*s", (int)(slash - DEEP DEEP DEEP DEEP),
				 DEEP DEEP DEEP DEEP);
			assert_this(path, TAR_DIRECTORY, 0755, "");
			assert_int_equal(member.uid, 3000000);
			assert_int_equal(member.gid, 4000000000);
			assert_int_equal(member.mtime, 1500000000);
		}
		assert_true(strlen(path) > 300);
		assert_this(DEEP DEEP DEEP DEEP "file", TAR_FILE, 0644, "");
		assert_data("deep\n");
		assert_this("link", TAR_SYMBOLIC_LINK, 0777, DEEP DEEP DEEP DEEP "file");
		assert_this("zhard", TAR_HARD_LINK, 0644, DEEP DEEP DEEP DEEP "file");
		assert_end();
		close_real();
	}
}

static void real_devices_and_sparse_files(void **state)
{
	static const char *const formats[] = {"gnu", "posix --sparse-version=0.0",
					      "posix --sparse-version=0.1",
					      "posix --sparse-version=1.0"};

	(void)state;
	need(GNU_TAR " && test -c /dev/null && test -c /dev/zero");
	shell("tar -C / -cf archive dev/null dev/zero");
	open_real();
	assert_member("dev/null");
	assert_int_equal(member.kind, TAR_CHARACTER_DEVICE);
	assert_int_equal(member.major, 1);
	assert_int_equal(member.minor, 3);
	assert_member("dev/zero");
	assert_int_equal(member.minor, 5);
	assert_end();
	close_real();
	for (unsigned i = 0; i < COUNT(formats); i++) {
		char command[256];

		snprintf(command, sizeof(command), "tar -cSf archive --format=%s holes",
			 formats[i]);
		shell(command);
		open_real();
		assert_refused("a sparse file at byte 0");
		close_real();
	}
	shell("tar -czf archive short");
	open_real();
	assert_refused("is compressed with gzip (unpack it first: gunzip -c FILE >rootfs.tar)");
	close_real();
}

static void real_others(void **state)
{
	static const char *const tars[] = {"busybox tar", "bsdtar --format=ustar",
					   "bsdtar --format=pax", "bsdtar --format=gnutar"};

	(void)state;
	for (unsigned i = 0; i < COUNT(tars); i++) {
		char command[256];

		snprintf(command, sizeof(command),
			 "if %s -cf archive -C short file link fifo d/e 2>err; then :; else "
			 "printf '' >archive; fi",
			 tars[i]);
		shell(command);
		snprintf(command, sizeof(command), "test -s %s/archive", work);
		if (system(command) != 0)
			continue; /* not on this machine */
		open_real();
		assert_this("file", TAR_FILE, 04750, "");
		assert_data("hello\n");
		assert_int_equal(member.mtime, 1600000000);
		assert_this("link", TAR_SYMBOLIC_LINK, 0777, "../nowhere");
		assert_this("fifo", TAR_FIFO, 0644, "");
		assert_this("d/e", TAR_DIRECTORY, 01777, "");
		assert_this("d/e/empty", TAR_FILE, 0644, "");
		assert_end();
		close_real();
	}
}

#define ONE(test) cmocka_unit_test_setup(test, set_up)
#define REAL(test) cmocka_unit_test_setup_teardown(test, make_tree, remove_tree)

int main(void)
{
	const struct CMUnitTest tests[] = {ONE(a_file_golden),
					   ONE(every_kind),
					   ONE(directories_of_other_kinds),
					   ONE(hard_links_with_sizes),
					   ONE(volume_labels_are_no_members),
					   ONE(names_are_made_simple),
					   ONE(the_root),
					   ONE(members_without_names),
					   ONE(names_that_lead_upwards),
					   ONE(symbolic_links),
					   ONE(links_to_nothing),
					   ONE(prefixes),
					   ONE(long_components),
					   ONE(long_names),
					   ONE(pax_records),
					   ONE(several_extended_headers),
					   ONE(global_records),
					   ONE(damaged_records),
					   ONE(nuls_in_names),
					   ONE(gnu_long_names),
					   ONE(headers_of_nobody),
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
					   REAL(real_gnu_tars),
					   REAL(real_long_names),
					   REAL(real_devices_and_sparse_files),
					   REAL(real_others)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
