#include "files/files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/file.h"
#include "archive/job.h"
#include "base/keep.h"
#include "base/xxh64.h"

static const char *join(const char *directory, const char *name)
{
	size_t length = strlen(directory);

	return keep_format("%s%s%s", directory, length && directory[length - 1] != '/' ? "/" : "",
			   name);
}

/* --- the list --- */

static uint32_t *find_slot(const struct files *files, const char *name)
{
	size_t at = xxh64((struct bytes){(const uint8_t *)name, strlen(name)}, 0);

	for (;; at++) {
		uint32_t *slot = &files->slot[at & (files->slots - 1)];

		if (!*slot || !strcmp(files->entry[*slot - 1].member.name, name))
			return slot;
	}
}

struct files_entry *files_find(const struct files *files, const char *name)
{
	uint32_t *slot = files->slots ? find_slot(files, name) : NULL;

	return slot && *slot ? &files->entry[*slot - 1] : NULL;
}

/* Twice the room, and a table of twice that. */
static bool grow(struct files *files)
{
	size_t room = files->room ? 2 * files->room : 64;
	struct files_entry *larger = realloc(files->entry, room * sizeof(*larger));

	if (!larger)
		return false;
	files->entry = larger;
	files->room = room;
	free(files->slot);
	files->slots = 2 * room;
	files->slot = calloc(files->slots, sizeof(*files->slot));
	if (!files->slot)
		files->slots = 0;
	for (size_t i = 0; files->slot && i < files->count; i++)
		*find_slot(files, files->entry[i].member.name) = (uint32_t)i + 1;
	return files->slot;
}

struct files_entry *files_add(struct files *files, const char *name, uint32_t mode)
{
	struct files_entry *entry = files_find(files, name);

	/* The kernel would leave it out without a word. */
	if (strlen(name) >= PATH_MAX) {
		errno = ENAMETOOLONG;
		return NULL;
	}
	if (!entry) {
		if (files->count == files->room && !grow(files))
			return NULL;
		*find_slot(files, name) = (uint32_t)files->count + 1;
		entry = &files->entry[files->count++];
	}
	*entry = (struct files_entry){.member = {.name = name, .mode = mode}};
	return entry;
}

void files_release(struct files *files)
{
	file_unmap(&files->archive);
	free(files->entry);
	free(files->slot);
	*files = (struct files){0};
}

static bool cannot(const char *path, struct problem *problem)
{
	return problem_set(problem, "cannot read %s: %s (%s)", path, strerror(errno),
			   errno == ENOENT || errno == ENOTDIR ? "check the path"
			   : errno == ENOMEM                   ? "free some memory"
							       : "make it readable for this user");
}

static bool add_link(struct files_entry *entry, struct problem *problem)
{
	char target[4096];
	ssize_t length = readlink(entry->path, target, sizeof(target));

	if (length < 0)
		return cannot(entry->path, problem);
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
	bool added = count >= 0 || cannot(host, problem);

	for (int i = 0; i < count; i++) {
		const char *child = children[i]->d_name;
		struct stat stat;

		if (added && strcmp(child, ".") && strcmp(child, "..")) {
			const char *path = join(host, child);

			added = lstat(path, &stat) == 0
					? add(files, path, join(name, child), &stat, problem)
					: cannot(path, problem);
		}
		free(children[i]);
	}
	if (count >= 0)
		free(children);
	return added;
}

/* A socket is of no use to anybody elsewhere. */
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
		return cannot(host, problem);
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

bool files_add_way(struct files *files, const char *name, struct problem *problem)
{
	for (const char *slash = strchr(name, '/'); slash; slash = strchr(slash + 1, '/')) {
		const char *way = keep_text(name, (size_t)(slash - name));

		if (!files_find(files, way) && !files_add(files, way, S_IFDIR | 0755))
			return cannot(name, problem);
	}
	return true;
}

static const char *last_component(const char *path)
{
	size_t end = strlen(path), start;

	while (end && path[end - 1] == '/')
		end--;
	for (start = end; start && path[start - 1] != '/';)
		start--;
	return keep_text(path + start, end - start);
}

static bool gather(struct files *files, const struct file_option *option, struct problem *problem)
{
	const char *name = &JOB_FILES_PATH[1];
	size_t length = strlen(option->guest);
	struct stat found;

	if (stat(option->path, &found) < 0)
		return cannot(option->path, problem);
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
	/* A directory's content goes to "/"; everything else goes into a directory that is named with a slash. */
	if (option->guest[length - 1] == '/' && (length > 1 || !S_ISDIR(found.st_mode)))
		name = join(name, last_component(option->path));
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

/* --- the archive --- */

/* The size was promised in the header: a file that shrinks meanwhile is a problem, one that grows is cut. */
static bool write_content(int fd, const struct files_entry *entry, struct cpio *cpio,
			  struct problem *problem)
{
	static uint8_t buffer[65536];

	for (size_t left = entry->member.size; left;) {
		ssize_t count = read(fd, buffer, left < sizeof(buffer) ? left : sizeof(buffer));

		if (count < 0 && errno == EINTR)
			continue;
		if (count < 0)
			return cannot(entry->path, problem);
		if (count == 0)
			return problem_set(problem,
					   "%s became shorter while it was read (try again)",
					   entry->path);
		cpio_data(cpio, buffer, (size_t)count);
		left -= (size_t)count;
	}
	return true;
}

/* Files of /proc and the like do not tell their size. */
static bool is_empty(int fd, const char *path, struct problem *problem)
{
	char byte;

	return read(fd, &byte, 1) <= 0 ||
	       problem_set(problem, "%s does not tell its size (copy it to a file, and give that)",
			   path);
}

static bool write_file(const struct files_entry *entry, struct cpio *cpio, struct problem *problem)
{
	if (!cpio->write) {
		cpio_data(cpio, NULL, entry->member.size);
		return true;
	}
	int fd = open(entry->path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0)
		return cannot(entry->path, problem);
	bool written = write_content(fd, entry, cpio, problem) &&
		       (entry->member.size || is_empty(fd, entry->path, problem));
	close(fd);
	return written;
}

bool files_write(const struct files *files, struct cpio *cpio, struct problem *problem)
{
	for (size_t i = 0; i < files->count; i++) {
		const struct files_entry *entry = &files->entry[i];

		cpio_begin(cpio, &entry->member);
		if (entry->data.data)
			cpio_data(cpio, entry->data.data, entry->member.size);
		else if (S_ISREG(entry->member.mode) && !write_file(entry, cpio, problem))
			return false;
		cpio_end(cpio);
	}
	return true;
}
