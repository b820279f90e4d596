/* Tar archives as the machine's own tars write them. */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "tar_reader.h"

#define DEEP "a-directory-with-a-name-of-forty-bytes---/another-directory-with-a-name-of-forty/"

static char work[] = "/tmp/mayfly-tar-XXXXXX";

static void shell(const char *command)
{
	char line[4096];

	snprintf(line, sizeof(line), "exec 2>&1; cd %s && { %s; }", work, command);
	assert_int_equal(system(line), 0);
}

/* Short names for the formats that have no others. */
static int make_tree(void **state)
{
	(void)state;
	strcpy(work + sizeof(work) - 7, "XXXXXX");
	assert_non_null(mkdtemp(work));
	shell("umask 022; mkdir -p short/d/e long/" DEEP DEEP DEEP DEEP
	      " && echo hello >short/file && "
	      "chmod 4750 short/file && touch -d @1600000000 short/file && ln -s ../nowhere short/link && "
	      "ln short/file short/d/hard && mkfifo short/fifo && : >short/d/e/empty && "
	      "head -c 1000 /dev/zero | tr '\\0' x >short/d/x && chmod 1777 short/d/e");
	shell("cd long && echo deep >" DEEP DEEP DEEP DEEP "file && ln -s " DEEP DEEP DEEP DEEP
	      "file link && ln " DEEP DEEP DEEP DEEP "file zhard && "
	      "truncate -s 1M ../holes && echo end >>../holes");
	return 0;
}

static int remove_tree(void **state)
{
	char line[128];

	(void)state;
	snprintf(line, sizeof(line), "rm -rf %s", work);
	return system(line);
}

static void open_real(void)
{
	char path[64];
	struct stat status;

	snprintf(path, sizeof(path), "%s/archive", work);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &status), 0);
	void *data = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	close(fd);
	assert_true(data != MAP_FAILED);
	tar = (struct tar){.file = {data, (size_t)status.st_size}};
}

static void close_real(void)
{
	union {
		const void *read_only;
		void *mapped;
	} data = {tar.file.data};

	munmap(data.mapped, tar.file.size);
}

static void assert_this(const char *name, enum tar_kind kind, uint32_t mode, const char *target)
{
	assert_member(name);
	assert_int_equal(member.kind, kind);
	assert_string_equal(member.target, target);
	if (kind != TAR_SYMBOLIC_LINK)
		assert_int_equal(member.mode, mode);
	assert_true(kind == TAR_FILE || !member.data.size);
}

static void assert_short_tree(void)
{
	assert_this("", TAR_DIRECTORY, 0755, "");
	assert_this("d", TAR_DIRECTORY, 0755, "");
	assert_this("d/e", TAR_DIRECTORY, 01777, "");
	assert_this("d/e/empty", TAR_FILE, 0644, "");
	assert_data("");
	assert_this("d/hard", TAR_FILE, 04750, "");
	assert_data("hello\n");
	assert_int_equal(member.mtime, 1600000000);
	assert_this("d/x", TAR_FILE, 0644, "");
	assert_int_equal(member.data.size, 1000);
	assert_int_equal(member.data.data[999], 'x');
	assert_this("fifo", TAR_FIFO, 0644, "");
	assert_this("file", TAR_HARD_LINK, 04750, "d/hard");
	assert_this("link", TAR_SYMBOLIC_LINK, 0777, "../nowhere");
	assert_end();
}

static void need(const char *command)
{
	if (system(command) == 0)
		return;
	print_message("skipped: this machine has not what this test needs: %s\n", command);
	skip();
}

#define GNU_TAR "tar --version 2>/dev/null | grep -q 'GNU tar'"

static void real_gnu_tars(void **state)
{
	static const char *const formats[] = {"v7", "oldgnu", "gnu", "ustar", "posix"};

	(void)state;
	need(GNU_TAR);
	for (unsigned i = 0; i < COUNT(formats); i++) {
		char command[256];
		bool v7 = i == 0;

		/* V7 has no FIFOs. */
		snprintf(command, sizeof(command),
			 "tar -C short -cf archive --format=%s --sort=name %s .", formats[i],
			 v7 ? "--exclude=./fifo" : "");
		shell(command);
		open_real();
		if (v7)
			assert_this("", TAR_DIRECTORY, 0755, "");
		else
			assert_short_tree();
		close_real();
	}
}

static void real_long_names(void **state)
{
	static const char *const formats[] = {"oldgnu", "gnu", "posix"};
	char path[400] = "";

	(void)state;
	need(GNU_TAR);
	for (unsigned i = 0; i < COUNT(formats); i++) {
		char command[256];

		snprintf(command, sizeof(command),
			 "tar -C long -cf archive --format=%s --sort=name --owner=o:3000000 "
			 "--group=g:4000000000 --mtime=@1500000000.25 .",
			 formats[i]);
		shell(command);
		open_real();
		assert_this("", TAR_DIRECTORY, 0755, "");
		for (const char *slash = DEEP DEEP DEEP DEEP; (slash = strchr(slash, '/'));
		     slash++) {
			snprintf(path, sizeof(path), "%.*s", (int)(slash - DEEP DEEP DEEP DEEP),
				 DEEP DEEP DEEP DEEP);
			assert_this(path, TAR_DIRECTORY, 0755, "");
			assert_int_equal(member.uid, 3000000);
			assert_int_equal(member.gid, 4000000000);
			assert_int_equal(member.mtime, 1500000000);
		}
		assert_true(strlen(path) > 300);
		assert_this(DEEP DEEP DEEP DEEP "file", TAR_FILE, 0644, "");
		assert_data("deep\n");
		assert_this("link", TAR_SYMBOLIC_LINK, 0777, DEEP DEEP DEEP DEEP "file");
		assert_this("zhard", TAR_HARD_LINK, 0644, DEEP DEEP DEEP DEEP "file");
		assert_end();
		close_real();
	}
}

static void real_devices_and_sparse_files(void **state)
{
	static const char *const formats[] = {"gnu", "posix --sparse-version=0.0",
					      "posix --sparse-version=0.1",
					      "posix --sparse-version=1.0"};

	(void)state;
	need(GNU_TAR " && test -c /dev/null && test -c /dev/zero");
	shell("tar -C / -cf archive dev/null dev/zero");
	open_real();
	assert_member("dev/null");
	assert_int_equal(member.kind, TAR_CHARACTER_DEVICE);
	assert_int_equal(member.major, 1);
	assert_int_equal(member.minor, 3);
	assert_member("dev/zero");
	assert_int_equal(member.minor, 5);
	assert_end();
	close_real();
	for (unsigned i = 0; i < COUNT(formats); i++) {
		char command[256];

		snprintf(command, sizeof(command), "tar -cSf archive --format=%s holes",
			 formats[i]);
		shell(command);
		open_real();
		assert_refused("a sparse file at byte 0");
		close_real();
	}
	shell("tar -czf archive short");
	open_real();
	assert_refused("is compressed with gzip (unpack it first: gunzip -c FILE >rootfs.tar)");
	close_real();
}

static void real_others(void **state)
{
	static const char *const tars[] = {"busybox tar", "bsdtar --format=ustar",
					   "bsdtar --format=pax", "bsdtar --format=gnutar"};

	(void)state;
	for (unsigned i = 0; i < COUNT(tars); i++) {
		char command[256];

		snprintf(command, sizeof(command),
			 "if %s -cf archive -C short file link fifo d/e 2>err; then :; else "
			 "printf '' >archive; fi",
			 tars[i]);
		shell(command);
		snprintf(command, sizeof(command), "test -s %s/archive", work);
		if (system(command) != 0)
			continue; /* not on this machine */
		open_real();
		assert_this("file", TAR_FILE, 04750, "");
		assert_data("hello\n");
		assert_int_equal(member.mtime, 1600000000);
		assert_this("link", TAR_SYMBOLIC_LINK, 0777, "../nowhere");
		assert_this("fifo", TAR_FIFO, 0644, "");
		assert_this("d/e", TAR_DIRECTORY, 01777, "");
		assert_this("d/e/empty", TAR_FILE, 0644, "");
		assert_end();
		close_real();
	}
}

#define REAL(test) cmocka_unit_test_setup_teardown(test, make_tree, remove_tree)

int main(void)
{
	const struct CMUnitTest tests[] = {
		REAL(real_gnu_tars),
		REAL(real_long_names),
		REAL(real_devices_and_sparse_files),
		REAL(real_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
