#include "outbox/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"

bool tree_is_safe(const char *path)
{
	for (unsigned depth = 0; depth < TREE_DEPTH_MAX; depth++) {
		size_t length = strcspn(path, "/");

		if (length == 0 || length >= TREE_NAME_SIZE ||
		    (path[0] == '.' && (length == 1 || (length == 2 && path[1] == '.'))))
			return false;
		if (!path[length])
			return true;
		path += length + 1;
	}
	return false;
}

int tree_enter(int directory, const char *name)
{
	return openat(directory, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

int tree_descend(int directory, char *path, const char **leaf)
{
	char *slash;

	for (; directory >= 0 && (slash = strchr(path, '/')); path = slash + 1) {
		*slash = '\0';
		int next = tree_enter(directory, path);
		*slash = '/';
		close(directory);
		directory = next;
	}
	*leaf = path;
	return directory;
}

bool tree_make_directory(int parent, const char *name, uint32_t mode)
{
	if (mkdirat(parent, name, (mode & 0777) | 0700) == 0)
		return true;
	if (errno != EEXIST)
		return false;
	int there = tree_enter(parent, name);
	if (there >= 0)
		close(there);
	return there >= 0;
}

int tree_begin(int directory, uint32_t mode, const char *link, unsigned *number, struct text *name)
{
	int made;

	do {
		text_set(name, ".mayfly-%u", (*number)++);
		made = link ? symlinkat(link, directory, name->text)
			    : openat(directory, name->text,
				     O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
				     mode & 0777);
	} while (made < 0 && errno == EEXIST);
	return made;
}

bool tree_write(int fd, const uint8_t *data, size_t size)
{
	while (size) {
		ssize_t count = write(fd, data, size);

		if (count < 0)
			return false;
		data += count;
		size -= (size_t)count;
	}
	return true;
}
