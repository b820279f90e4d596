/* Tar archives: extended headers, those of POSIX (pax) and those of GNU tar (long names). */
#include <stdlib.h>

#include "tar_reader.h"

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		ONE(pax_records),
		ONE(several_extended_headers),
		ONE(global_records),
		ONE(damaged_records),
		ONE(nuls_in_names),
		ONE(gnu_long_names),
		ONE(headers_of_nobody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
