/* Tar archives: members of every kind and their names, byte by byte against POSIX (utility pax)
 * and the GNU tar manual. test_tar_records.c has extended headers, test_tar_damage.c what is
 * refused, test_tar_real.c what real tars write. */
#include "tar_reader.h"

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		ONE(a_file_golden),
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
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
