#include "outbox/unpack.h"

#include <errno.h>
#include <stdio.h> /* renameat */
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "archive/cpio.h"
#include "base/number.h"
#include "base/text.h"
#include "outbox/tree.h"

#define TRAILER "TRAILER!!!"

enum {
	PIECE = 65536,
	NAME_SIZE_MAX = 4096,
	LINK_SIZE_MAX = 4095,
	MEMBER_COST = 4096, /* an inode and a directory entry cost the host, too */
};

/* A header, read and checked. */
struct member {
	uint64_t offset, data; /* offsets in the archive: of the header, of the data */
	uint32_t mode, time, size;
	char name[NAME_SIZE_MAX];
};

struct unpacking {
	int archive, go;
	uint64_t archive_size, limit, spent;
	struct unpack_target *targets;
	unsigned count, temporaries, left_out;
	struct problem *problem;

	struct member member;
	struct unpack_target *target; /* the member's … */
	char *path;                   /* … and its path from there; "": the target itself */
	uint8_t buffer[PIECE];
};

static bool damaged(const struct unpacking *u, const char *what)
{
	return problem_set(u->problem,
			   "the guest's answer is damaged: %s at byte %llu (run it again; else do "
			   "not trust this guest)",
			   what, (unsigned long long)u->member.offset);
}

static const char *mend_for(int error)
{
	switch (error) {
	case ENOSPC:
	case EDQUOT:
		return "make room there";
	case EACCES:
	case EPERM:
	case EROFS:
		return "make it writable for this user";
	case EEXIST:
	case EISDIR:
	case ENOTDIR:
	case ELOOP:
		return "remove what is in the way";
	default:
		return "give another path";
	}
}

/* An error of the host (errno). */
static bool refused(const struct unpacking *u)
{
	return problem_set(u->problem, "cannot write %.150s%s%.100s: %s (%s)", u->target->host_path,
			   *u->path ? "/" : "", u->path, strerror(errno), mend_for(errno));
}

static bool too_much(const struct unpacking *u)
{
	return problem_set(u->problem,
			   "the guest sends more than %llu bytes in files (raise --out-limit)",
			   (unsigned long long)u->limit);
}

/* True if the process that asked for the files is gone. */
static bool is_alone(const struct unpacking *u)
{
	char byte;

	return u->go >= 0 && recv(u->go, &byte, 1, MSG_DONTWAIT | MSG_PEEK) == 0;
}

/* Reads SIZE bytes of the archive into the buffer. The caller knows that the file has them. */
static bool fetch(struct unpacking *u, uint64_t offset, size_t size)
{
	if (is_alone(u))
		return problem_set(u->problem, "%s", "");
	for (size_t done = 0; done < size;) {
		ssize_t count =
			pread(u->archive, u->buffer + done, size - done, (off_t)(offset + done));

		if (count < 0)
			return problem_set(u->problem,
					   "cannot read the guest's answer: %s (check the disk "
					   "that TMPDIR is on)",
					   strerror(errno));
		if (count == 0)
			return damaged(u, "the file became shorter");
		done += (size_t)count;
	}
	return true;
}

/* Reads the header at OFFSET and the name after it. */
static bool read_member(struct unpacking *u, uint64_t offset)
{
	struct member *member = &u->member;
	const uint8_t *name = u->buffer + CPIO_HEADER_SIZE;
	uint64_t left = offset < u->archive_size ? u->archive_size - offset : 0;
	size_t size = CPIO_HEADER_SIZE + NAME_SIZE_MAX;
	uint32_t name_size;

	member->offset = offset;
	if (size > left)
		size = (size_t)left;
	if (!fetch(u, offset, size))
		return false;
	if (offset == 0 && (size == 0 || u->buffer[0] == '\0'))
		return problem_set(u->problem,
				   "the guest sent no files (it ended before its command did)");
	if (size < CPIO_HEADER_SIZE || memcmp(u->buffer, "070701", 6) ||
	    !cpio_get(u->buffer, CPIO_FIELD_MODE, &member->mode) ||
	    !cpio_get(u->buffer, CPIO_FIELD_TIME, &member->time) ||
	    !cpio_get(u->buffer, CPIO_FIELD_FILE_SIZE, &member->size) ||
	    !cpio_get(u->buffer, CPIO_FIELD_NAME_SIZE, &name_size))
		return damaged(u, "a bad header");
	if (name_size == 0 || name_size > size - CPIO_HEADER_SIZE ||
	    memchr(name, '\0', name_size) != name + name_size - 1)
		return damaged(u, "a name that does not end where it should");
	memcpy(member->name, name, name_size);
	member->data = align_up(offset + CPIO_HEADER_SIZE + name_size, 4);
	if (member->data <= u->archive_size && member->size <= u->archive_size - member->data)
		return true;
	/* A VM's file is as large as the limit: an honest guest's init finds it full. */
	return u->archive_size < u->limit ? damaged(u, "a member that goes beyond the end,")
					  : too_much(u);
}

/* Finds the target by the number that NAME begins with, which may have no leading zeros. */
static bool find_target(struct unpacking *u, char *name)
{
	const char *end = name;
	uint64_t index;

	if (!number_take(&end, &index) || index >= u->count || (*name == '0' && end - name > 1) ||
	    (*end && *end != '/'))
		return false;
	u->target = &u->targets[index];
	name += end - name;
	u->path = *name ? name + 1 : name;
	return true;
}

/* --- the host's side --- */

/* Opens the directory of the member. LEAF is the member's name in it. -1: errno. */
static int open_place(const struct unpacking *u, const char **leaf)
{
	const struct unpack_target *target = u->target;
	int parent = target->parent_fd;

	if (*u->path)
		return tree_descend(tree_enter(parent, target->name), u->path, leaf);
	*leaf = target->name;
	if (S_ISDIR(u->member.mode) || !target->into)
		return tree_enter(parent, ".");
	*leaf = target->leaf;
	return tree_make_directory(parent, target->name, 0777) ? tree_enter(parent, target->name)
							       : -1;
}

/* Fills and closes FD: a network file system may say only at close that it is full. */
static bool fill(struct unpacking *u, int fd)
{
	const struct member *member = &u->member;
	const struct timespec times[2] = {{.tv_nsec = UTIME_NOW}, {.tv_sec = member->time}};
	bool done = true;

	for (uint64_t at = 0; done && at < member->size; at += PIECE) {
		uint64_t left = member->size - at;
		size_t size = left < PIECE ? (size_t)left : PIECE;

		done = fetch(u, member->data + at, size) &&
		       (tree_write(fd, u->buffer, size) || refused(u));
	}
	/* Some file systems keep no times; the file is worth having without. */
	if (done)
		(void)!futimens(fd, times);
	return (close(fd) == 0 || !done || refused(u)) && done;
}

static bool fetch_link(struct unpacking *u)
{
	size_t size = u->member.size;

	if (size == 0 || size > LINK_SIZE_MAX)
		return damaged(u, "a symlink without sense");
	if (!fetch(u, u->member.data, size))
		return false;
	u->buffer[size] = '\0';
	return strlen((const char *)u->buffer) == size || damaged(u, "a symlink without sense");
}

/* Landlock says EACCES if a directory is in the way. */
static void find_reason(int directory, const char *leaf)
{
	int error = errno, there = tree_enter(directory, leaf);

	if (there >= 0)
		close(there);
	errno = there >= 0 ? EISDIR : error;
}

/* Makes a file or a symlink, which gets its name when it is complete. */
static bool put_file(struct unpacking *u, int directory, const char *leaf)
{
	bool is_link = S_ISLNK(u->member.mode);
	struct text name;

	if (is_link && !fetch_link(u))
		return false;
	int made = tree_begin(directory, u->member.mode, is_link ? (const char *)u->buffer : NULL,
			      &u->temporaries, &name);
	if (made < 0)
		return refused(u);
	bool whole = is_link || fill(u, made);
	if (whole && renameat(directory, name.text, directory, leaf) == 0)
		return true;
	if (whole) {
		find_reason(directory, leaf);
		refused(u);
	}
	unlinkat(directory, name.text, 0);
	return false;
}

/* --- the archive --- */

/* Counts the member's cost and checks that the member may come now. */
static bool admit(struct unpacking *u)
{
	uint32_t mode = u->member.mode;

	if (!tree_is_safe(u->member.name) || !find_target(u, u->member.name))
		return damaged(u, "a name that is not allowed");
	u->spent += MEMBER_COST + (uint64_t)u->member.size;
	if (u->spent > u->limit)
		return too_much(u);
	if (*u->path ? !u->target->directory : u->target->seen)
		return damaged(u, "a member out of place");
	if (*u->path)
		return true;
	if (!S_ISDIR(mode) && u->target->into && !u->target->leaf[0])
		return damaged(u, "a file that has no name");
	u->target->seen = true;
	u->target->directory = S_ISDIR(mode);
	return true;
}

static bool put_member(struct unpacking *u)
{
	uint32_t mode = u->member.mode;
	const char *leaf;
	bool done;

	if (!S_ISDIR(mode) && !S_ISREG(mode) && !S_ISLNK(mode)) {
		u->left_out++;
		return true;
	}
	int directory = open_place(u, &leaf);
	if (directory < 0 && errno == ENOENT && *u->path)
		return damaged(u, "a member whose directory did not come");
	if (directory < 0)
		return refused(u);
	if (S_ISDIR(mode))
		done = tree_make_directory(directory, leaf, mode) || refused(u);
	else
		done = put_file(u, directory, leaf);
	close(directory);
	return done;
}

static bool put_members(struct unpacking *u)
{
	for (uint64_t offset = 0;;) {
		if (!read_member(u, offset))
			return false;
		if (!strcmp(u->member.name, TRAILER))
			return true;
		if (!admit(u) || !put_member(u))
			return false;
		offset = align_up(u->member.data + u->member.size, 4);
	}
}

bool unpack(int archive, struct unpack_target *targets, unsigned count, uint64_t limit,
	    struct problem *problem)
{
	return unpack_while(-1, archive, targets, count, limit, problem);
}

bool unpack_while(int go, int archive, struct unpack_target *targets, unsigned count,
		  uint64_t limit, struct problem *problem)
{
	static struct unpacking unpacking;
	struct unpacking *u = &unpacking;
	off_t size = lseek(archive, 0, SEEK_END);

	u->archive = archive;
	u->go = go;
	u->archive_size = size > 0 ? (uint64_t)size : 0;
	u->limit = limit;
	u->targets = targets;
	u->count = count;
	u->problem = problem;
	u->spent = u->temporaries = u->left_out = 0;
	if (!put_members(u))
		return false;
	if (u->left_out)
		report("%u device nodes, FIFOs or sockets were left out", u->left_out);
	for (unsigned i = 0; i < count; i++)
		if (!targets[i].seen)
			return problem_set(problem, "the guest has no %s (check the path of -o)",
					   targets[i].guest_path);
	return true;
}
