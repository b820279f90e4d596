/* A directory for files of tests. */
#ifndef MAYFLY_TMPDIR_H
#define MAYFLY_TMPDIR_H

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "unit.h"

static char files_directory[64];

/* What the name is in the directory; good for the next seven calls. */
static inline char *in_directory(const char *name)
{
	static char paths[8][256];
	static unsigned next;
	char *path = paths[next++ % COUNT(paths)];

	snprintf(path, sizeof(paths[0]), "%s/%s", files_directory, name);
	return path;
}

/* Makes file NAME; returns its path. */
static inline char *make_file(const char *name, const void *content, size_t size)
{
	char *path = in_directory(name);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, content, size), size);
	close(fd);
	return path;
}

static inline char *make_text(const char *name, const char *text)
{
	return make_file(name, text, strlen(text));
}

/* For the group's or each test's set-up and tear-down. */
static inline int make_directory(void **state)
{
	(void)state;
	strcpy(files_directory, "/tmp/mayfly-test-XXXXXX");
	umask(022);
	return mkdtemp(files_directory) && chmod(files_directory, 0755) == 0 ? 0 : -1;
}

static inline int remove_directory(void **state)
{
	char command[256];

	(void)state;
	snprintf(command, sizeof(command), "chmod -R u+rwX '%s'; rm -rf '%s'", files_directory,
		 files_directory);
	return system(command);
}

#endif
