#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "file.h"
#include "files.h"
#include "job.h"
#include "tar.h"
#include "words.h"

static const uint32_t types[] = {
	[TAR_FILE] = S_IFREG,          [TAR_HARD_LINK] = S_IFREG,
	[TAR_SYMBOLIC_LINK] = S_IFLNK, [TAR_CHARACTER_DEVICE] = S_IFCHR,
	[TAR_BLOCK_DEVICE] = S_IFBLK,  [TAR_DIRECTORY] = S_IFDIR,
	[TAR_FIFO] = S_IFIFO,
};

static const char *name_of(const char *name)
{
	size_t prefix = strlen(&JOB_FILES_PATH[1]), length = strlen(name);
	char *whole = keep(prefix + length + 2);

	memcpy(whole, &JOB_FILES_PATH[1], prefix);
	if (length) {
		whole[prefix] = '/';
		memcpy(whole + prefix + 1, name, length);
	}
	return whole;
}

/* The other name's content, as it is so far: a copy to the guest. */
static bool take_link(const struct files *files, const struct tar_member *member,
		      struct bytes *data, struct problem *problem)
{
	const struct files_entry *other = files_find(files, name_of(member->target));

	if (!other)
		return problem_set(problem,
				   "has a hard link to %s, which is not in it (make it again)",
				   member->target);
	*data = other->data;
	return true;
}

static bool add_member(struct files *files, const struct tar_member *member,
		       struct problem *problem)
{
	const char *name = name_of(member->name);
	struct bytes data = member->data;
	struct files_entry *entry;

	if (member->kind == TAR_HARD_LINK && !take_link(files, member, &data, problem))
		return false;
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
		return problem_set(problem, "has too many members: %s (free some memory)",
				   strerror(errno));
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
	struct problem what;
	enum tar_answer answer;

	if (!file_map(path, &files->archive, problem))
		return false;
	tar.file = files->archive;
	while ((answer = tar_next(&tar, &member, &what)) == TAR_MEMBER)
		if (!add_member(files, &member, &what))
			break;
	return answer == TAR_END ||
	       problem_set(problem, "cannot use %s as root file system: it %s", path, what.text);
}
