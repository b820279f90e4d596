#include "files/files.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/keep.h"
#include "base/xxh64.h"

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

/* Doubles the room; the hash table has twice that. */
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

	/* The kernel would leave the file out without a message. */
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

bool files_cannot_read(const char *path, struct problem *problem)
{
	return problem_set(problem, "cannot read %s: %s (%s)", path, strerror(errno),
			   errno == ENOENT || errno == ENOTDIR ? "check the path"
			   : errno == ENOMEM                   ? "free some memory"
							       : "make it readable for this user");
}

bool files_add_way(struct files *files, const char *name, struct problem *problem)
{
	for (const char *slash = strchr(name, '/'); slash; slash = strchr(slash + 1, '/')) {
		const char *way = keep_text(name, (size_t)(slash - name));

		if (!files_find(files, way) && !files_add(files, way, S_IFDIR | 0755))
			return files_cannot_read(name, problem);
	}
	return true;
}

/* --- the archive --- */

/* The header has promised the size: a file that shrinks meanwhile is an error, a file that grows is
 * cut. */
static bool write_content(int fd, const struct files_entry *entry, struct cpio *cpio,
			  struct problem *problem)
{
	static uint8_t buffer[65536];

	for (size_t left = entry->member.size; left;) {
		ssize_t count = read(fd, buffer, left < sizeof(buffer) ? left : sizeof(buffer));

		if (count < 0 && errno == EINTR)
			continue;
		if (count < 0)
			return files_cannot_read(entry->path, problem);
		if (count == 0)
			return problem_set(problem,
					   "%s became shorter while it was read (try again)",
					   entry->path);
		cpio_data(cpio, buffer, (size_t)count);
		left -= (size_t)count;
	}
	return true;
}

/* Files in /proc and the like do not tell their size. */
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
		return files_cannot_read(entry->path, problem);
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
