#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/number.h"

static const char *mend_for(int error)
{
	switch (error) {
	case ENOENT:
		return "check the path";
	case EACCES:
		return "make it readable for this user";
	default:
		return "give a regular file";
	}
}

/* A part of a hugetlbfs page cannot be mapped. */
static bool is_constant(int fd, const struct stat *stat)
{
	struct statfs system;

	if (fstatfs(fd, &system) < 0 || (unsigned long)system.f_type == HUGETLBFS_MAGIC)
		return false;
	return !(stat->st_mode & 0222) || (system.f_flags & ST_RDONLY);
}

static bool map_open_file(int fd, const char *path, struct bytes *file, bool *constant,
			  struct problem *problem)
{
	struct stat stat;

	if (fstat(fd, &stat) < 0 || !S_ISREG(stat.st_mode))
		return problem_set(problem,
				   "cannot use %s: it is not a regular file (give a regular file)",
				   path);
	*file = (struct bytes){.size = (size_t)stat.st_size};
	*constant = is_constant(fd, &stat);
	if (file->size == 0)
		return true;
	void *data = mmap(NULL, file->size, PROT_READ, MAP_PRIVATE | MAP_NORESERVE, fd, 0);
	if (data == MAP_FAILED)
		return problem_set(problem, "cannot map %s: %s (copy it to a local disk)", path,
				   strerror(errno));
	file->data = data;
	return true;
}

bool file_map(const char *path, struct bytes *file, struct problem *problem)
{
	bool constant;

	return file_map_and_look(path, file, &constant, problem);
}

bool file_map_and_look(const char *path, struct bytes *file, bool *constant,
		       struct problem *problem)
{
	/* O_NONBLOCK: a FIFO given by mistake must not make us wait for a writer. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0)
		return problem_set(problem, "cannot open %s: %s (%s)", path, strerror(errno),
				   mend_for(errno));
	bool mapped = map_open_file(fd, path, file, constant, problem);
	close(fd);
	return mapped;
}

void file_unmap(struct bytes *file)
{
	if (file->size)
		munmap((void *)(uintptr_t)file->data, file->size);
	*file = (struct bytes){0};
}

bool file_is_free(int fd, const char *path, struct problem *problem)
{
	struct flock lock = {.l_type = F_WRLCK};

	/* A file system without locks has no lock. */
	if (fcntl(fd, F_OFD_GETLK, &lock) < 0 || lock.l_type == F_UNLCK)
		return true;
	return problem_set(problem,
			   "cannot write %s: it is in use, as a disk perhaps (give another file)",
			   path);
}

static void take_number(const char *text, const char *name, uint64_t *number)
{
	const char *found = strstr(text, name);

	if (!found)
		return;
	found += strlen(name);
	found += strspn(found, " ");
	number_take(&found, number);
}

/* In pieces, because a user's groups alone may take more than a page. Each piece begins with the
 * end of the piece before, so that no line is cut. */
void file_read_numbers(int fd, unsigned count, const char *const *names, uint64_t *numbers)
{
	enum { OVERLAP = 64, PIECE = 4096 };
	char text[OVERLAP + PIECE + 1] = "";
	size_t kept = 0;
	ssize_t size;

	while ((size = read(fd, text + kept, PIECE)) > 0) {
		size_t length = kept + (size_t)size;

		text[length] = '\0';
		for (unsigned i = 0; i < count; i++)
			take_number(text, names[i], &numbers[i]);
		kept = length < OVERLAP ? length : OVERLAP;
		memmove(text, text + length - kept, kept);
	}
}
