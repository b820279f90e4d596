#include "files/gather.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "archive/job.h"
#include "base/keep.h"
#include "base/path.h"
#include "files/tarball.h"

static const char *join(const char *directory, const char *name)
{
	size_t length = strlen(directory);

	return keep_format("%s%s%s", directory, length && directory[length - 1] != '/' ? "/" : "",
			   name);
}

static bool add_link(struct files_entry *entry, struct problem *problem)
{
	char target[4096];
	ssize_t length = readlink(entry->path, target, sizeof(target));

	if (length < 0)
		return files_cannot_read(entry->path, problem);
	entry->data =
		(struct bytes){(const uint8_t *)keep_text(target, (size_t)length), (size_t)length};
	entry->member.size = (uint32_t)length;
	return true;
}

static bool add(struct files *files, const char *host, const char *name, const struct stat *stat,
		struct problem *problem);

static bool add_children(struct files *files, const char *host, const char *name,
			 struct problem *problem)
{
	struct dirent **children;
	int count = scandir(host, &children, NULL, alphasort);
	bool added = count >= 0 || files_cannot_read(host, problem);

	for (int i = 0; i < count; i++) {
		const char *child = children[i]->d_name;
		struct stat stat;

		if (added && strcmp(child, ".") && strcmp(child, "..")) {
			const char *path = join(host, child);

			added = lstat(path, &stat) == 0
					? add(files, path, join(name, child), &stat, problem)
					: files_cannot_read(path, problem);
		}
		free(children[i]);
	}
	if (count >= 0)
		free(children);
	return added;
}

/* A socket is of no use outside its host. */
static bool add(struct files *files, const char *host, const char *name, const struct stat *stat,
		struct problem *problem)
{
	struct files_entry *entry;
	bool mine = stat->st_uid == geteuid();

	if (S_ISSOCK(stat->st_mode))
		return true;
	if (S_ISREG(stat->st_mode) && stat->st_size > UINT32_MAX)
		return problem_set(problem,
				   "%s is too large for the guest's memory (put it on a disk: -d)",
				   host);
	entry = files_add(files, name, stat->st_mode);
	if (!entry)
		return files_cannot_read(host, problem);
	entry->path = host;
	entry->member.time = stat->st_mtime < 0 ? 0 : (uint32_t)stat->st_mtime;
	entry->member.uid = mine ? files->uid : stat->st_uid;
	entry->member.gid = mine ? files->gid : stat->st_gid;
	if (S_ISREG(stat->st_mode))
		entry->member.size = (uint32_t)stat->st_size;
	if (S_ISCHR(stat->st_mode) || S_ISBLK(stat->st_mode)) {
		entry->member.major = major(stat->st_rdev);
		entry->member.minor = minor(stat->st_rdev);
	}
	if (S_ISLNK(stat->st_mode))
		return add_link(entry, problem);
	return !S_ISDIR(stat->st_mode) || add_children(files, host, name, problem);
}

static bool gather(struct files *files, const struct file_option *option, struct problem *problem)
{
	const char *name = &JOB_FILES_PATH[1];
	size_t length = strlen(option->guest);
	struct stat found;

	if (stat(option->path, &found) < 0)
		return files_cannot_read(option->path, problem);
	if (S_ISSOCK(found.st_mode))
		return problem_set(problem,
				   "cannot put %s into a guest: it is a socket (leave it out)",
				   option->path);
	if (option->mode >= 0 && !S_ISREG(found.st_mode))
		return problem_set(problem, "mode= is for a file, and %s is none (leave it out)",
				   option->path);
	if (option->mode >= 0)
		found.st_mode = S_IFREG | (mode_t)option->mode;
	if (length > 1)
		name = join(name, option->guest + 1);
	/* A directory's content goes to "/"; anything else goes into a directory named with a
	 * slash. */
	if (option->guest[length - 1] == '/' && (length > 1 || !S_ISDIR(found.st_mode))) {
		const char *last = path_last(option->path, &length);

		name = join(name, keep_text(last, length));
	}
	return files_add_way(files, name, problem) &&
	       add(files, option->path, name, &found, problem);
}

bool files_gather(const struct file_options *options, uint32_t uid, uint32_t gid,
		  struct files *files, struct problem *problem)
{
	*files = (struct files){.uid = uid, .gid = gid};
	for (size_t i = 0; i < options->count; i++) {
		const struct file_option *option = &options->item[i];

		if (!(option->tar ? files_add_tar(files, option->path, problem)
				  : gather(files, option, problem)))
			return false;
	}
	return true;
}
