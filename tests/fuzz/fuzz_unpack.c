/* Files out of a guest: random archives over a tree in which symlinks are planted, unpacked
 * again and again. Whatever they say, nothing beside the targets changes, no temporary file
 * stays, no descriptor is lost. */
#define _GNU_SOURCE
#include "fuzz.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "archive/cpio.h"
#include "outbox/tree.h"
#include "outbox/unpack.h"

enum { ARCHIVE_MAX = 16384, LIMIT = 60000 };

static const char *const parts[] = {"0",  "1",     "2", "a",    "b",   "sub",  "/",     "/",
				    "/",  "..",    ".", "/",    "0/a", "0/b/", "0/",    ".mayfly-1",
				    "1/", "0/a/b", "",  "keep", "x",   "00",   "\xff\n"};
static const char *const links[] = {"../../canary", "../canary",        "a", "/", ".", "..",
				    "b/../..",      "../../canary/keep"};
static const uint32_t modes[] = {040755,  040755,  040000, 0100644, 0100644, 0106777,
				 0120777, 0120777, 020666, 010666,  0,       UINT32_MAX};
static const uint64_t bases[] = {0,    1,      4,          16,         255,        4095,
				 4096, 0x8000, 0x7fffffff, 0x80000000, UINT32_MAX, 0xfffffff0};

static uint8_t archive[ARCHIVE_MAX];
static struct cpio cpio;
static struct stat canary[3];

static int remove_one(const char *path, const struct stat *stat, int type, struct FTW *walk)
{
	(void)stat, (void)type, (void)walk;
	return remove(path);
}

/* None is left but what the guest itself calls so. */
static int find_temporary(const char *path, const struct stat *stat, int type, struct FTW *walk)
{
	(void)stat, (void)type;
	REQUIRE(strncmp(path + walk->base, ".mayfly-", 8) || path[walk->base + 8] == '1');
	return 0;
}

static char home[] = "/dev/shm/mayfly-fuzz-XXXXXX";

/* PATH below home; the working directory is libFuzzer's. One of a few, so that some can be in
 * use. */
static const char *at(const char *path)
{
	static char paths[8][64];
	static unsigned next;
	char *text = paths[next++ % 8];

	snprintf(text, sizeof(paths[0]), "%s/%s", home, path);
	return text;
}

static void look(struct stat stats[3])
{
	REQUIRE(lstat(at("canary"), &stats[0]) == 0 && lstat(at("canary/keep"), &stats[1]) == 0 &&
		lstat(home, &stats[2]) == 0);
	for (unsigned i = 0; i < 3; i++) {
		stats[i].st_atim = (struct timespec){0};
		if (i == 2) /* the box is made anew in it */
			stats[i].st_mtim = stats[i].st_ctim = (struct timespec){0};
	}
}

static void clean(void)
{
	nftw(home, remove_one, 200, FTW_DEPTH | FTW_PHYS);
}

static void begin(void)
{
	if (!mkdtemp(home)) {
		strcpy(home, "/tmp/mayfly-fuzz-XXXXXX");
		REQUIRE(mkdtemp(home));
	}
	atexit(clean);
	REQUIRE(mkdir(at("canary"), 0755) == 0 && mkdir(at("box"), 0755) == 0);
	int fd = open(at("canary/keep"), O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	REQUIRE(fd >= 0 && write(fd, "safe", 4) == 4);
	close(fd);
	look(canary);
}

/* Puts symlinks, directories and files in the way, but only in box itself. Where there is
 * something, it stays. */
static void plant(struct input *input)
{
	static const char *const places[] = {"out", "out/a", "out/sub", "file", "out/a/b"};

	for (unsigned count = take8(input) % 4; count; count--) {
		char path[16];
		const char *leaf;
		unsigned what;

		strcpy(path, places[take8(input) % COUNT(places)]);
		what = take8(input);
		int directory = tree_descend(open(at("box"), O_PATH | O_CLOEXEC), path, &leaf);
		if (directory < 0)
			continue;
		if (what % 3 == 0)
			(void)!symlinkat(links[what / 3 % COUNT(links)], directory, leaf);
		else if (what % 3 == 1)
			mkdirat(directory, leaf, 0755);
		else
			close(openat(directory, leaf, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW,
				     0644));
		close(directory);
	}
}

static void add(struct input *input)
{
	static uint8_t data[256];
	char name[128] = "";
	uint32_t mode = modes[take8(input) % COUNT(modes)];
	unsigned pieces = take8(input) % 6 + 1;
	size_t start = cpio.size;

	while (pieces--)
		strcat(name, parts[take8(input) % COUNT(parts)]);
	const char *link = links[take8(input) % COUNT(links)];
	struct bytes bytes = {(mode & 0170000) == 0120000 ? (const uint8_t *)link : data,
			      (mode & 0170000) == 0120000 ? strlen(link) : take8(input)};
	cpio_add(&cpio, name, mode, bytes);
	unsigned what = take8(input);
	if (what < 0xe0 || cpio.size > sizeof(archive))
		return;
	char digits[9];
	snprintf(digits, sizeof(digits), "%08x", (unsigned)take_near(input, bases, COUNT(bases)));
	if (what < 0xf8)
		memcpy(archive + start + 6 + 8 * (what % 13), digits, 8);
	else
		archive[start + take8(input) % 128] = take8(input);
}

static bool take(void *context, uint64_t offset, const void *bytes, size_t size)
{
	(void)context;
	if (size > sizeof(archive) || offset > sizeof(archive) - size)
		return false;
	memcpy(archive + offset, bytes, size);
	return true;
}

static int build(struct input *input)
{
	int fd = memfd_create("archive", MFD_CLOEXEC);

	cpio = (struct cpio){.write = take};
	memset(archive, 0, sizeof(archive));
	if (take8(input) % 8 != 7)
		cpio_add(&cpio, "0", 040755, (struct bytes){0});
	for (unsigned count = 12 - take8(input) % 12; count; count--)
		add(input);
	if (take8(input) % 8 != 7)
		cpio_finish(&cpio);
	size_t size = cpio.size < sizeof(archive) ? cpio.size : sizeof(archive);
	REQUIRE(fd >= 0 && write(fd, archive, size) == (ssize_t)size);
	if (take8(input) % 8 == 7)
		REQUIRE(ftruncate(fd, (off_t)take_near(input, bases, COUNT(bases))) == 0 ||
			errno == EINVAL);
	return fd;
}

static void run(struct input *input)
{
	struct unpack_target targets[] = {{.guest_path = "/srv", .host_path = at("box/out")},
					  {.guest_path = "/x", .host_path = at("box/file")},
					  {.guest_path = "/y/a", .host_path = at("box")}};
	struct problem problem = {"", ""};
	struct stat now[3];
	int fd = build(input);
	unsigned count = 3 - take8(input) % 4, limit = take8(input) % 16 == 15 ? 5000 : LIMIT;

	if (unpack_open(targets, count, &problem)) {
		plant(input);
		if (!unpack(fd, targets, count, limit, &problem))
			require_refusal(&problem);
		unpack_close(targets, count);
	} else {
		require_refusal(&problem);
	}
	close(fd);
	look(now);
	REQUIRE(!memcmp(now, canary, sizeof(now)));
	REQUIRE(nftw(at("box"), find_temporary, 200, FTW_PHYS) == 0);
}

static unsigned open_descriptors(void)
{
	unsigned count = 0;

	for (int fd = 0; fd < 64; fd++)
		count += fcntl(fd, F_GETFD) >= 0;
	return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = {data, size};
	static bool begun;
	unsigned before;

	if (!begun)
		begin();
	begun = true;
	before = open_descriptors();
	plant(&input);
	do
		run(&input);
	while (input.size);
	REQUIRE(open_descriptors() == before);
	REQUIRE(nftw(at("box"), remove_one, 200, FTW_DEPTH | FTW_PHYS) == 0);
	REQUIRE(mkdir(at("box"), 0755) == 0);
	return 0;
}
