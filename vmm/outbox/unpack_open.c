/* Opens the directories of the targets, and checks them, before the VM starts. */
#include "outbox/unpack.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/path.h"

static const char *mend_for(int error)
{
	switch (error) {
	case EACCES:
	case EPERM:
		return "make it writable for this user";
	case EROFS:
		return "give a path on another file system";
	case ENOENT:
	case ENOTDIR:
		return "check the path; its directory must be there";
	default:
		return "give another path";
	}
}

static bool refused(const struct unpack_target *target, struct problem *problem)
{
	return problem_set(problem, "cannot write to %.200s: %s (%s)", target->host_path,
			   strerror(errno), mend_for(errno));
}

static bool open_directory(struct unpack_target *target, const char *path, struct problem *problem)
{
	target->parent_fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (target->parent_fd < 0 || faccessat(target->parent_fd, ".", W_OK | X_OK, 0) < 0)
		return refused(target, problem);
	return true;
}

/* For a HOST that is a file, or a new name. Cuts PATH up, which does not end with a slash. */
static bool open_parent(struct unpack_target *target, char *path, struct problem *problem)
{
	char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;

	if (strlen(name) >= sizeof(target->name)) {
		errno = ENAMETOOLONG;
		return refused(target, problem);
	}
	strcpy(target->name, name);
	*name = '\0';
	return open_directory(target, slash ? path : ".", problem);
}

/* Looks at HOST itself, without a slash at its end. If HOST is a symlink, the guest of an earlier
 * run may have sent it, and would now choose the file that is written. */
static bool open_target(struct unpack_target *target, struct problem *problem)
{
	char path[PATH_MAX];
	size_t length = strlen(target->host_path);
	struct stat stat;

	if (length >= sizeof(path)) {
		errno = ENAMETOOLONG;
		return refused(target, problem);
	}
	memcpy(path, target->host_path, length + 1);
	for (; length > 1 && path[length - 1] == '/'; path[--length] = '\0')
		target->into = true;
	bool there = lstat(path, &stat) == 0;
	if (!there && (errno != ENOENT || !length))
		return refused(target, problem);
	if (there && S_ISDIR(stat.st_mode)) {
		target->into = true;
		strcpy(target->name, ".");
		return open_directory(target, path, problem);
	}
	if (there && S_ISLNK(stat.st_mode))
		return problem_set(
			problem,
			"cannot write to %s: it is a symlink (remove it, or give the path that it leads to)",
			target->host_path);
	if (there && (!S_ISREG(stat.st_mode) || target->into))
		return problem_set(problem,
				   "cannot write to %s: it is not a %s (give one, or a new name)",
				   target->host_path,
				   target->into ? "directory" : "regular file or a directory");
	if (there && access(path, W_OK) < 0)
		return refused(target, problem);
	return open_parent(target, path, problem);
}

/* Finds GUEST's last component; "/" and paths that end with "." or ".." have none. */
static bool find_leaf(struct unpack_target *target, struct problem *problem)
{
	size_t length;
	const char *leaf = path_last(target->guest_path, &length);

	if (length >= sizeof(target->leaf))
		return problem_set(problem,
				   "cannot take %s: its last component is longer than %d bytes "
				   "(check the path)",
				   target->guest_path, TREE_NAME_SIZE - 1);
	memcpy(target->leaf, leaf, length);
	target->leaf[length] = '\0';
	if (!strcmp(target->leaf, ".") || !strcmp(target->leaf, ".."))
		target->leaf[0] = '\0';
	return true;
}

static bool is_same(const struct unpack_target *one, const struct unpack_target *other)
{
	struct stat stats[2];

	return !strcmp(one->name, other->name) && fstat(one->parent_fd, &stats[0]) == 0 &&
	       fstat(other->parent_fd, &stats[1]) == 0 && stats[0].st_dev == stats[1].st_dev &&
	       stats[0].st_ino == stats[1].st_ino;
}

static bool add_target(struct unpack_target *targets, unsigned index, struct problem *problem)
{
	struct unpack_target *target = &targets[index];

	if (!find_leaf(target, problem) || !open_target(target, problem))
		return false;
	for (unsigned i = 0; i < index; i++)
		if (is_same(&targets[i], target))
			return problem_set(problem,
					   "%s and %s would both be written to %s (give each a "
					   "path of its own)",
					   targets[i].guest_path, target->guest_path,
					   target->host_path);
	return true;
}

bool unpack_open(struct unpack_target *targets, unsigned count, struct problem *problem)
{
	if (count > UNPACK_TARGETS_MAX)
		return problem_set(problem,
				   "%u paths are too many to take out of a guest (%d at most: take "
				   "a directory)",
				   count, UNPACK_TARGETS_MAX);
	for (unsigned i = 0; i < count; i++)
		targets[i] = (struct unpack_target){.guest_path = targets[i].guest_path,
						    .host_path = targets[i].host_path,
						    .parent_fd = -1};
	for (unsigned i = 0; i < count; i++)
		if (!add_target(targets, i, problem)) {
			unpack_close(targets, count);
			return false;
		}
	return true;
}

void unpack_close(struct unpack_target *targets, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		if (targets[i].parent_fd >= 0)
			close(targets[i].parent_fd);
		targets[i].parent_fd = -1;
	}
}
