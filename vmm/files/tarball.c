#include "files/tarball.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "archive/job.h"
#include "archive/tar.h"
#include "base/file.h"
#include "base/keep.h"

static const uint32_t types[] = {
	[TAR_FILE] = S_IFREG,
	[TAR_SYMBOLIC_LINK] = S_IFLNK,
	[TAR_CHARACTER_DEVICE] = S_IFCHR,
	[TAR_BLOCK_DEVICE] = S_IFBLK,
	[TAR_DIRECTORY] = S_IFDIR,
	[TAR_FIFO] = S_IFIFO,
};

static const char *name_of(const char *name)
{
	return keep_format("%s%s%s", &JOB_FILES_PATH[1], name[0] ? "/" : "", name);
}

static bool too_many(struct problem *problem)
{
	return problem_set(problem, "cannot be taken in: %s (free some memory)", strerror(errno));
}

/* A hard link, which may also name a symbolic link or a device: the guest gets a copy of the entry
 * so far. */
static bool add_link(struct files *files, const struct tar_member *member, const char *name,
		     struct problem *problem)
{
	const struct files_entry *other = files_find(files, name_of(member->target));
	struct files_entry copy, *entry;

	if (!other || S_ISDIR(other->member.mode))
		return problem_set(problem,
				   "has a hard link to %s, which is no file in it (make it again)",
				   member->target);
	copy = *other;
	copy.member.name = name;
	if (!files_add_way(files, name, problem))
		return false;
	entry = files_add(files, name, 0);
	if (!entry)
		return too_many(problem);
	*entry = copy;
	return true;
}

static bool add_member(struct files *files, const struct tar_member *member,
		       struct problem *problem)
{
	const char *name = name_of(member->name);
	struct bytes data = member->data;
	struct files_entry *entry;

	if (member->kind == TAR_HARD_LINK)
		return add_link(files, member, name, problem);
	if (member->kind == TAR_SYMBOLIC_LINK) {
		data.size = strlen(member->target);
		data.data = (const uint8_t *)keep_text(member->target, data.size);
	}
	if (data.size > UINT32_MAX)
		return problem_set(
			problem,
			"has a file that is too large for the guest's memory (put it on a disk: -d)");
	if (!files_add_way(files, name, problem))
		return false;
	entry = files_add(files, name, types[member->kind] | member->mode);
	if (!entry)
		return too_many(problem);
	entry->data = data;
	entry->member.size = (uint32_t)data.size;
	entry->member.time = member->mtime > UINT32_MAX ? 0 : (uint32_t)member->mtime;
	entry->member.uid = member->uid;
	entry->member.gid = member->gid;
	entry->member.major = member->major;
	entry->member.minor = member->minor;
	return true;
}

bool files_add_tar(struct files *files, const char *path, struct problem *problem)
{
	static struct tar_member member;
	struct tar tar = {0};
	enum tar_answer answer;

	if (!file_map(path, &files->archive, problem))
		return false;
	tar.file = files->archive;
	while ((answer = tar_next(&tar, &member, problem)) == TAR_MEMBER)
		if (!add_member(files, &member, problem))
			break;
	return answer == TAR_END ||
	       problem_prefix(problem, "cannot use %s as root file system: it ", path);
}
