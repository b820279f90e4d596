/* Tar archives: right ones come back as they were made; changed ones (fields, bytes, lengths,
 * checksums made right again) give members that keep the contract, or are refused, in as many
 * steps as there are blocks. */
#include "fuzz.h"

#include "../unit/tar_writer.h"
#include "archive/tar.h"

enum { MEMBERS_MAX = 16, ARCHIVE_MAX = 31 * 1024 };

static struct archive archive;

/* What was made. */
static struct {
	char name[64], target[64];
	enum tar_kind kind;
	size_t size;
	uint64_t uid;
} made[MEMBERS_MAX];
static unsigned made_count;

static const char *const raw_names[] = {"a",       "./a/b",    "/usr//bin/",
					"d/./e/.", "x..y/...", "long-name-long-name"},
			 *const names[] = {"a",   "a/b",      "usr/bin",
					   "d/e", "x..y/...", "long-name-long-name"};

static const uint64_t sizes[] = {0,
				 1,
				 511,
				 512,
				 513,
				 1024,
				 4096,
				 8192,
				 1ull << 32,
				 1ull << 33,
				 1ull << 63,
				 UINT64_MAX - 1024,
				 UINT64_MAX - 511,
				 UINT64_MAX};

/* What an extended header says of the next member. */
static void add_extension(struct input *input, const char *name, uint64_t *uid)
{
	unsigned how = take8(input);

	if (how & 1)
		add_record(&archive, 'x', "path", name);
	if (how & 2)
		add(&archive, "././@LongLink", 'L', name);
	if (how & 4) {
		add_record(&archive, how & 8 ? 'X' : 'x', "uid", "123456789");
		*uid = 123456789;
	}
	if (how & 16)
		add_record(&archive, 'g', "comment", "of no interest");
	if (how & 32)
		add_header(&archive, "label", 'V', 0);
}

static void add_member(struct input *input)
{
	static const char types[] = "0123456";
	static const uint8_t data[1024];
	char type = types[take8(input) % 7];
	unsigned which = take8(input) % COUNT(names);
	uint64_t uid = 1000;
	bool file = type == '0' && raw_names[which][strlen(raw_names[which]) - 1] != '/';
	size_t size = file ? (size_t)take16(input) % sizeof(data) : 0;

	add_extension(input, raw_names[which], &uid);
	uint8_t *header = add_header(&archive, raw_names[which], type, size);
	memcpy(header + AT_LINKNAME, raw_names[which], strlen(raw_names[which]));
	seal(header);
	add_data(&archive, data, size);
	snprintf(made[made_count].name, 64, "%s", names[which]);
	snprintf(made[made_count].target, 64, "%s",
		 type == '1'   ? names[which]
		 : type == '2' ? raw_names[which]
			       : "");
	made[made_count].kind = type == '0' && !file ? TAR_DIRECTORY : (enum tar_kind)(type - '0');
	made[made_count].size = size;
	made[made_count++].uid = uid;
}

/* A name near the longest. */
static bool add_long_names(struct input *input)
{
	static char name[5000];
	unsigned slash = take8(input), how = take8(input);
	size_t length = 4096 - 4 + how % 8;

	memset(name, 'x', length);
	name[length] = '\0';
	for (size_t i = slash; slash && i < length; i += slash)
		name[i] = '/';
	if (how & 8)
		add_record(&archive, 'x', how & 16 ? "path" : "linkpath", name);
	else
		add(&archive, "././@LongLink", how & 16 ? 'L' : 'K', name);
	add_link(&archive, "name", how & 32 ? '1' : '2', "target");
	return true;
}

/* Changes fields of headers, wherever one might be, and bytes. True if any. */
static bool damage(struct input *input)
{
	static const uint8_t types[] = {0,   '0', '1', '2', '3', '5', '7', 'x', 'g',
					'L', 'K', 'V', 'S', 'M', 'D', 'X', 'Q'};
	static const char hostile[][9] = {"../../aa",  "a/../bcd",  "/..\0////", "./././..",
					  "aaaa/..\0", "99 path=",  "0 path=a",  "999999 p",
					  "9999999 ",  "3 uid=1\n", "8 uid=a\n", "8 =uid=\n",
					  "5 uid= a",  "9 path=\n", "7 uid=\n "};
	bool changed = false;

	/* Room for what is written from any byte. */
	memset(archive.data + archive.size, 0, SECTOR);
	for (; input->size && archive.size; changed = true) {
		unsigned what = take8(input);
		size_t at = take16(input) % archive.size;
		uint8_t *header = archive.data + at / SECTOR * SECTOR;

		switch (what % 8) {
		case 0:
			archive.data[at] = take8(input);
			break;
		case 1:
			put_binary(header + AT_SIZE, 12, take_near(input, sizes, COUNT(sizes)));
			break;
		case 2:
			put_octal(header + AT_SIZE, 12, take16(input));
			break;
		case 3:
			header[AT_TYPEFLAG] = types[take8(input) % sizeof(types)];
			break;
		case 4:
			memcpy(header, hostile[take8(input) % COUNT(hostile)], 8);
			break;
		case 5:
			memset(header + AT_PREFIX, "./a"[take8(input) % 3], 155);
			break;
		case 6:
			memset(header, 0, SECTOR);
			continue;
		default:
			/* A record, or a long name. */
			memcpy(what & 0x40 ? header : archive.data + at,
			       hostile[take8(input) % COUNT(hostile)], 8);
		}
		if (what & 0x80)
			seal(header);
	}
	return changed;
}

static void check_name(const char *name)
{
	size_t length = strlen(name);

	REQUIRE(length < TAR_NAME_SIZE);
	if (!length)
		return;
	REQUIRE(name[0] != '/' && name[length - 1] != '/' && !strstr(name, "//"));
	for (const char *part = name; part; part = strchr(part, '/')) {
		part += *part == '/';
		size_t size = strcspn(part, "/");
		REQUIRE(size <= 255);
		REQUIRE(!(size == 1 && part[0] == '.') && !(size == 2 && !memcmp(part, "..", 2)));
	}
}

static void check_member(const struct tar_member *member, struct bytes file)
{
	bool device = member->kind == TAR_CHARACTER_DEVICE || member->kind == TAR_BLOCK_DEVICE;
	bool link = member->kind == TAR_HARD_LINK || member->kind == TAR_SYMBOLIC_LINK;

	REQUIRE(memchr(member->name, '\0', TAR_NAME_SIZE) &&
		memchr(member->target, '\0', TAR_NAME_SIZE));
	REQUIRE(member->kind <= TAR_FIFO);
	check_name(member->name);
	REQUIRE(*member->name || member->kind == TAR_DIRECTORY);
	REQUIRE(link == (*member->target != '\0'));
	if (member->kind == TAR_HARD_LINK)
		check_name(member->target);
	REQUIRE(member->mode <= 07777);
	REQUIRE(device || (!member->major && !member->minor));
	REQUIRE(member->kind == TAR_FILE || !member->data.size);
	if (member->data.size) {
		REQUIRE(member->data.data >= file.data + SECTOR);
		REQUIRE(member->data.size <= (size_t)(file.data + file.size - member->data.data));
	}
}

static void check_made(const struct tar_member *member, unsigned i)
{
	REQUIRE(i < made_count);
	REQUIRE(!strcmp(member->name, made[i].name) && !strcmp(member->target, made[i].target));
	REQUIRE(member->kind == made[i].kind && member->data.size == made[i].size);
	REQUIRE(member->uid == made[i].uid && member->mtime == 1700000000);
}

static void read_all(struct bytes file, bool as_made)
{
	static struct tar_member member;
	struct tar tar = {.file = file};
	struct problem problem = {"", ""};
	enum tar_answer answer;
	unsigned count = 0;
	uint64_t before = 0;

	while ((answer = tar_next(&tar, &member, &problem)) == TAR_MEMBER) {
		check_member(&member, file);
		if (as_made)
			check_made(&member, count);
		REQUIRE(tar.offset >= before + SECTOR && tar.offset % SECTOR == 0);
		before = tar.offset;
		REQUIRE(++count <= file.size / SECTOR);
	}
	if (answer == TAR_DAMAGED)
		require_refusal(&problem);
	REQUIRE(answer == TAR_END || answer == TAR_DAMAGED);
	if (as_made)
		REQUIRE(count == made_count && (answer == TAR_END || !count));
	REQUIRE(tar_next(&tar, &member, &problem) == answer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = {data, size};
	uint16_t cut = take16(&input);
	unsigned count = take8(&input) % MEMBERS_MAX;

	archive.size = made_count = 0;
	bool long_names = cut & 1 && add_long_names(&input);
	/* What is refused: a format of sparse files, a number that is none. */
	bool odd = (cut & 0x3e) == 0x22 || (cut & 0x3e) == 0x24;
	if (odd)
		add_record(&archive, 'x', cut & 2 ? "GNU.sparse.major" : "uid",
			   "99999999999999999999");
	while (count-- && archive.size < ARCHIVE_MAX)
		add_member(&input);
	add_end(&archive);
	bool as_made = !damage(&input) && !long_names && !odd;
	if (cut >= 0xc000) {
		archive.size = cut % archive.size;
		as_made = false;
	}
	uint8_t *copy = exact_copy(archive.data, archive.size);
	read_all((struct bytes){copy, archive.size}, as_made);
	free(copy);
	return 0;
}
