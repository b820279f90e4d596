#include "archive/tar.h"

#include <string.h>

#include "archive/compressed.h"
#include "archive/tar_format.h"

#define AGAIN "make it again"

static const struct tar_fault bad_header = {"a damaged header", AGAIN},
			      bad_number = {"a number that is none, or too large,", AGAIN},
			      bad_text = {"a NUL in a name", AGAIN},
			      no_member = {"a header that describes no member", AGAIN},
			      no_name = {"a member without a name", AGAIN},
			      no_target = {"a link to nothing", AGAIN},
			      bad_target = {"a hard link to what it cannot hold", AGAIN},
			      lone_zeros = {"a lone block of zeros", AGAIN},
			      no_end = {"no end, cut short", "copy it again"},
			      cut_short = {"a member that is cut short", "copy it again"},
			      long_name = {"a name of more than 4095 bytes", "shorten it"},
			      part = {"the rest of a file in another archive",
				      "make it without tar's option -M"};

static enum tar_answer refuse(const struct tar *tar, const struct tar_fault *fault,
			      const char *name, struct problem *problem)
{
	problem_set(problem, "is a tar archive with %s at byte %llu%s%.120s (%s)", fault->what,
		    (unsigned long long)tar->offset, *name ? ": " : "", name, fault->mend);
	return TAR_DAMAGED;
}

/* --- the next header --- */

static const struct tar_header *header_at(const struct tar *tar, uint64_t offset)
{
	return bytes_have(tar->file, offset, TAR_BLOCK)
		       ? (const struct tar_header *)(tar->file.data + offset)
		       : NULL;
}

/* Says what a file without a first header is. A disk image may begin with zeros, like an empty
 * archive. */
static enum tar_answer explain(struct bytes file, struct problem *problem)
{
	if (!compressed_explain(file, "rootfs.tar", problem))
		problem_set(problem,
			    "is %s (give what `docker export` or `tar -C DIR -c .` writes)",
			    file.size ? "no tar archive, or one of nothing" : "empty");
	return TAR_DAMAGED;
}

/* Checks a block of zeros. Two of them end an archive; some writers leave out the second one at the
 * file's end. */
static const struct tar_fault *check_end(const struct tar *tar)
{
	const struct tar_header *second = header_at(tar, tar->offset + TAR_BLOCK);

	if (tar->described)
		return &no_member;
	if (second)
		return tar_is_zero(second) ? NULL : &lone_zeros;
	return tar->offset + TAR_BLOCK == tar->file.size ? NULL : &no_end;
}

static enum tar_answer find_header(const struct tar *tar, const struct tar_header **header,
				   struct problem *problem)
{
	const struct tar_fault *fault = NULL;

	*header = header_at(tar, tar->offset);
	if (*header && tar_is_intact(*header))
		return TAR_MEMBER;
	if (tar->offset == 0)
		return explain(tar->file, problem);
	if (!*header)
		fault = &no_end;
	else
		fault = tar_is_zero(*header) ? check_end(tar) : &bad_header;
	return fault ? refuse(tar, fault, "", problem) : TAR_END;
}

/* --- extended headers: values for members beside the members' own headers --- */

static struct bytes until_nul(const void *text, size_t size)
{
	return (struct bytes){text, strnlen(text, size)};
}

/* The other typeflags are extended headers, and V, a volume's label. X is Solaris's x. */
static bool is_member(const struct tar_header *header)
{
	return !header->typeflag || !strchr("gxXLKV", header->typeflag);
}

/* Reads a header that is not a member's: for the next member (x; GNU: L and K, a long name and
 * target), for all members (g), or a volume's label (V). */
static const struct tar_fault *take_extension(struct tar *tar, const struct tar_header *header)
{
	const struct tar_fault *fault = NULL;
	struct bytes data;
	uint64_t size;

	if (!tar_get_field(header->size, sizeof(header->size), &size))
		return &bad_number;
	if (!bytes_have(tar->file, tar->offset + TAR_BLOCK, size))
		return &cut_short;
	data = (struct bytes){tar->file.data + tar->offset + TAR_BLOCK, size};
	if (header->typeflag == 'L')
		tar->local[TAR_PATH] = until_nul(data.data, data.size);
	else if (header->typeflag == 'K')
		tar->local[TAR_LINKPATH] = until_nul(data.data, data.size);
	else if (header->typeflag != 'V')
		fault = tar_take_records(data, header->typeflag == 'g' ? tar->global : tar->local);
	if (fault)
		return fault;
	tar->described |= header->typeflag != 'g' && header->typeflag != 'V';
	tar->offset += TAR_BLOCK + align_up(size, TAR_BLOCK);
	return NULL;
}

/* The value of KEY for the next member. Size 0: the member's own header counts. An empty value
 * cancels the value for all members. */
static struct bytes find_value(const struct tar *tar, enum tar_key key)
{
	return tar->local[key].data ? tar->local[key] : tar->global[key];
}

static bool get_number(const struct tar *tar, enum tar_key key, const char *field, size_t size,
		       uint64_t *number)
{
	struct bytes value = find_value(tar, key);

	if (!value.size)
		return tar_get_field(field, size, number);
	/* A time may have a fraction. */
	return tar_take_decimal(&value, number) && (!value.size || key == TAR_MTIME);
}

/* --- names --- */

static const struct tar_fault *copy_text(char *text, struct bytes value)
{
	if (value.size >= TAR_NAME_SIZE)
		return &long_name;
	memcpy(text, value.data, value.size);
	text[value.size] = '\0';
	return strlen(text) == value.size ? NULL : &bad_text;
}

/* Only ustar has a prefix; GNU tar has another magic, and other fields there. */
static const struct tar_fault *copy_name(const struct tar *tar, const struct tar_header *header,
					 char *name)
{
	struct bytes value = find_value(tar, TAR_PATH);
	struct bytes prefix = until_nul(header->prefix, sizeof(header->prefix));
	struct bytes own = until_nul(header->name, sizeof(header->name));

	if (value.size)
		return copy_text(name, value);
	if (prefix.size && !memcmp(header->magic, "ustar", sizeof(header->magic))) {
		memcpy(name, prefix.data, prefix.size);
		name += prefix.size;
		*name++ = '/';
	}
	return copy_text(name, own);
}

static const struct tar_fault *take_name(const struct tar *tar, const struct tar_header *header,
					 struct tar_member *member)
{
	const struct tar_fault *fault = copy_name(tar, header, member->name);
	size_t length = strlen(member->name);

	if (fault)
		return fault;
	if (header->typeflag == 'S')
		return &tar_sparse;
	if (header->typeflag == 'M')
		return &part;
	fault = tar_check_name(member->name);
	if (fault)
		return fault;
	/* V7 marks directories only by the slash at the end of the name. */
	if (member->kind == TAR_FILE && length && member->name[length - 1] == '/')
		member->kind = TAR_DIRECTORY;
	tar_squeeze(member->name);
	return *member->name || member->kind == TAR_DIRECTORY ? NULL : &no_name;
}

static const struct tar_fault *take_target(const struct tar *tar, const struct tar_header *header,
					   struct tar_member *member)
{
	struct bytes value = find_value(tar, TAR_LINKPATH);
	const struct tar_fault *fault;

	if (member->kind != TAR_HARD_LINK && member->kind != TAR_SYMBOLIC_LINK)
		return NULL;
	if (!value.size)
		value = until_nul(header->linkname, sizeof(header->linkname));
	fault = copy_text(member->target, value);
	if (!fault && member->kind == TAR_HARD_LINK) {
		if (tar_check_name(member->target))
			return &bad_target;
		tar_squeeze(member->target);
	}
	return !fault && !*member->target ? &no_target : fault;
}

/* --- members --- */

static enum tar_kind find_kind(char typeflag)
{
	if (typeflag >= '0' && typeflag <= '6')
		return (enum tar_kind)(typeflag - '0');
	if (typeflag == 'D') /* GNU, incremental: the data is a list of names */
		return TAR_DIRECTORY;
	return TAR_FILE; /* POSIX: unknown typeflags are files, too */
}

#define FIELD(header, field) (header)->field, sizeof((header)->field)

static bool take_id(const struct tar *tar, enum tar_key key, const char *field, size_t size,
		    uint32_t *id)
{
	uint64_t number;

	if (!get_number(tar, key, field, size, &number))
		return false;
	*id = (uint32_t)number;
	return number <= UINT32_MAX;
}

static bool take_device(const char *field, size_t size, uint32_t *number)
{
	uint64_t value;

	if (!tar_get_field(field, size, &value))
		return false;
	*number = (uint32_t)value;
	return value <= UINT32_MAX;
}

static const struct tar_fault *take_numbers(const struct tar *tar, const struct tar_header *header,
					    struct tar_member *member)
{
	bool device = member->kind == TAR_CHARACTER_DEVICE || member->kind == TAR_BLOCK_DEVICE;
	uint64_t mode;

	if (!tar_get_field(FIELD(header, mode), &mode) ||
	    !take_id(tar, TAR_UID, FIELD(header, uid), &member->uid) ||
	    !take_id(tar, TAR_GID, FIELD(header, gid), &member->gid))
		return &bad_number;
	member->mode = mode & 07777;
	/* A bad time is harmless. */
	if (!get_number(tar, TAR_MTIME, FIELD(header, mtime), &member->mtime))
		member->mtime = 0;
	if (device && (!take_device(FIELD(header, devmajor), &member->major) ||
		       !take_device(FIELD(header, devminor), &member->minor)))
		return &bad_number;
	return NULL;
}

/* Only files have data, whatever the size field says, with two exceptions. In a pax archive a hard
 * link may repeat the file's data; in old archives a hard link has the file's size but no data. A
 * name that ends with a slash may have data. */
static const struct tar_fault *take_data(struct tar *tar, const struct tar_header *header,
					 struct tar_member *member)
{
	const struct tar_header *next = header_at(tar, tar->offset + TAR_BLOCK);
	char type = header->typeflag;
	uint64_t size;

	if (!get_number(tar, TAR_SIZE, FIELD(header, size), &size))
		return &bad_number;
	if ((type >= '2' && type <= '6') ||
	    (type == '1' && next && (tar_is_intact(next) || tar_is_zero(next))))
		size = 0;
	if (!bytes_have(tar->file, tar->offset + TAR_BLOCK, size))
		return &cut_short;
	if (member->kind == TAR_FILE)
		member->data = (struct bytes){tar->file.data + tar->offset + TAR_BLOCK, size};
	tar->offset += TAR_BLOCK + align_up(size, TAR_BLOCK);
	return NULL;
}

static const struct tar_fault *read_member(struct tar *tar, const struct tar_header *header,
					   struct tar_member *member)
{
	const struct tar_fault *fault;

	*member = (struct tar_member){.kind = find_kind(header->typeflag)};
	fault = take_name(tar, header, member);
	if (!fault)
		fault = take_target(tar, header, member);
	if (!fault)
		fault = take_numbers(tar, header, member);
	if (!fault)
		fault = take_data(tar, header, member);
	if (fault)
		return fault;
	memset(tar->local, 0, sizeof(tar->local));
	tar->described = false;
	return NULL;
}

enum tar_answer tar_next(struct tar *tar, struct tar_member *member, struct problem *problem)
{
	for (;;) {
		const struct tar_header *header;
		const struct tar_fault *fault;
		enum tar_answer answer = find_header(tar, &header, problem);

		if (answer != TAR_MEMBER)
			return answer;
		if (is_member(header)) {
			fault = read_member(tar, header, member);
			return fault ? refuse(tar, fault, member->name, problem) : TAR_MEMBER;
		}
		fault = take_extension(tar, header);
		if (fault)
			return refuse(tar, fault, "", problem);
	}
}
