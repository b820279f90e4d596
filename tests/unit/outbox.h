/* A place for tests to unpack in: /tmp/mayfly-unit-…/box is where targets are, beside it a
 * canary that nothing may touch; and an archive under construction. */
#ifndef MAYFLY_OUTBOX_H
#define MAYFLY_OUTBOX_H

#include <dirent.h>
#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "archive/cpio.h"
#include "archive.h"
#include "unit.h"
#include "outbox/unpack.h"

static char outbox[] = "/tmp/mayfly-unit-XXXXXX";
static char outbox_start[4096];
static uint8_t outbox_bytes[MIB];
static struct cpio outbox_cpio;
static struct unpack_target targets[4];
static unsigned target_count;
static struct problem problem;

static inline void put_text(const char *path, const char *text)
{
	FILE *file = fopen(path, "we");

	assert_non_null(file);
	assert_int_equal(fwrite(text, 1, strlen(text), file), strlen(text));
	assert_int_equal(fclose(file), 0);
}

/* What PATH (below box) is: a file's text, "-> target", "dir", or "" if there is nothing. */
static inline const char *what_is(const char *path)
{
	static char text[8192];
	struct stat stat;
	ssize_t size;

	memset(text, 0, sizeof(text));
	if (lstat(path, &stat) < 0)
		return "";
	if (S_ISDIR(stat.st_mode))
		return "dir";
	if (S_ISLNK(stat.st_mode)) {
		strcpy(text, "-> ");
		assert_true(readlink(path, text + 3, sizeof(text) - 4) >= 0);
		return text;
	}
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	assert_true(fd >= 0);
	size = read(fd, text, sizeof(text) - 1);
	assert_true(size >= 0);
	close(fd);
	return text;
}

static inline unsigned mode_of(const char *path)
{
	struct stat stat;

	assert_int_equal(lstat(path, &stat), 0);
	return stat.st_mode & 07777;
}

static inline unsigned entries_in(const char *path)
{
	DIR *directory = opendir(path);
	unsigned count = 0;

	assert_non_null(directory);
	while (readdir(directory))
		count++;
	closedir(directory);
	return count - 2;
}

static inline unsigned open_descriptors(void)
{
	return entries_in("/proc/self/fd");
}

static inline void outbox_new_archive(void)
{
	static struct archive archive = {outbox_bytes, sizeof(outbox_bytes)};

	outbox_cpio = (struct cpio){.write = archive_take, .context = &archive};
}

/* The working directory is box afterwards, which is empty; the canary is beside it. */
static inline int outbox_set_up(void **state)
{
	(void)state;
	assert_non_null(getcwd(outbox_start, sizeof(outbox_start)));
	strcpy(outbox + sizeof(outbox) - 7, "XXXXXX");
	if (!mkdtemp(outbox) || chdir(outbox) || mkdir("canary", 0755) || mkdir("box", 0755))
		return -1;
	put_text("canary/keep", "safe");
	umask(022);
	target_count = 0;
	memset(targets, 0, sizeof(targets));
	outbox_new_archive();
	return chdir("box");
}

static inline int outbox_remove(const char *path, const struct stat *stat, int type,
				struct FTW *walk)
{
	(void)stat, (void)type, (void)walk;
	return remove(path);
}

/* Nothing outside of box has changed. */
static inline bool outbox_is_safe(void)
{
	return entries_in("..") == 2 && entries_in("../canary") == 1 &&
	       !strcmp(what_is("../canary/keep"), "safe") && mode_of("../canary/keep") == 0644 &&
	       mode_of("../canary") == 0755;
}

static inline int outbox_tear_down(void **state)
{
	bool safe = outbox_is_safe();

	(void)state;
	unpack_close(targets, target_count);
	if (chdir(outbox_start) || nftw(outbox, outbox_remove, 256, FTW_DEPTH | FTW_PHYS))
		return -1;
	return safe ? 0 : -1;
}

static inline void add(const char *name, uint32_t mode, const char *text)
{
	cpio_add(&outbox_cpio, name, mode, (struct bytes){(const uint8_t *)text, strlen(text)});
}

/* The archive so far, with its trailer, as a file. */
static inline int make_archive(void)
{
	int fd = memfd_create("archive", MFD_CLOEXEC);

	assert_true(cpio_finish(&outbox_cpio));
	assert_true(fd >= 0);
	assert_int_equal(write(fd, outbox_bytes, outbox_cpio.size), outbox_cpio.size);
	return fd;
}

static inline void want(const char *guest, const char *host)
{
	targets[target_count].guest_path = guest;
	targets[target_count++].host_path = host;
}

#endif
