#include "commands/pack.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "arch_layout.h"
#include "base/exitcode.h"
#include "base/file.h"
#include "base/text.h"
#include "base/xxh64.h"
#include "cli/options.h"
#include "files/files.h"
#include "files/gather.h"
#include "files/payload.h"
#include "kernel/image.h"
#include "kernel/kernel_facts.h"

struct pack_options {
	struct options run;
	const char *output, *list;
};

#define TEXT(name) cli_set_text, offsetof(struct pack_options, name)

static const struct cli_option table[] = {
	{'o', "output", "FILE", TEXT(output), "the program to make"},
	{0, "list", "FILE", TEXT(list), "list the contents of the packed program FILE"},
};

static const struct cli cli = {
	.command = "pack",
	.before =
		"Usage: mayfly pack -o FILE -k KERNEL [OPTION...] [-- COMMAND [ARG...]]\n"
		"       mayfly pack --list FILE\n"
		"Makes FILE, a program that runs COMMAND as 'mayfly run' does. FILE's arguments follow\n"
		"COMMAND's. FILE contains the kernel, the initrd, the files and the environment. All else\n"
		"that the options name (disks, logs, the paths of --out) must exist where FILE runs.\n\n",
	.after = "  and the options of 'mayfly run'; its -o is --out here\n",
	.options = table,
	.count = sizeof(table) / sizeof(table[0]),
	.more = &options_cli,
};

/* --- the file under construction --- */

struct output {
	int fd;
	uint64_t size;
	uint64_t offset[PAYLOAD_PARTS], length[PAYLOAD_PARTS];
	bool failed; /* errno */
};

static void put(struct output *output, const void *data, size_t size)
{
	const uint8_t *bytes = data;

	while (size && !output->failed) {
		ssize_t count = write(output->fd, bytes, size);

		if (count < 0 && errno == EINTR)
			continue;
		output->failed = count <= 0;
		bytes += count > 0 ? count : 0;
		size -= count > 0 ? (size_t)count : 0;
		output->size += count > 0 ? (uint64_t)count : 0;
	}
}

static bool put_archive(void *context, uint64_t offset, const void *data, size_t size)
{
	struct output *output = context;

	(void)offset;
	put(output, data, size);
	return !output->failed;
}

static void begin_part(struct output *output, enum payload_part part)
{
	uint64_t start = align_up(output->size, PAYLOAD_ALIGN);

	if (!output->failed)
		output->failed = lseek(output->fd, (off_t)start, SEEK_SET) < 0;
	output->size = output->offset[part] = start;
}

static void end_part(struct output *output, enum payload_part part)
{
	output->length[part] = output->size - output->offset[part];
}

static void put_part(struct output *output, enum payload_part part, struct bytes data)
{
	begin_part(output, part);
	put(output, data.data, data.size);
	end_part(output, part);
}

/* --- the parts --- */

static bool put_launcher(struct output *output, struct problem *problem)
{
	struct payload payload;
	struct bytes self;

	if (payload_open("/proc/self/exe", "mayfly", &payload, problem) == PAYLOAD_DAMAGED ||
	    !file_map("/proc/self/exe", &self, problem))
		return false;
	if (!payload.launcher || payload.launcher > self.size)
		return problem_set(problem,
				   "cannot find the launcher in /proc/self/exe (mount /proc)");
	put(output, self.data, payload.launcher);
	file_unmap(&self);
	return true;
}

/* A kernel that mayfly cannot boot is not packed. */
static bool put_kernel(struct output *output, const char *path, struct problem *problem)
{
	struct bytes kernel;
	struct image image;
	unsigned mib;

	if (!file_map(path, &kernel, problem))
		return false;
	if (!kernel_fits(kernel, ARCH_KERNELS, &image, &mib, problem))
		return problem_prefix(problem, "cannot boot %s: it ", path);
	put_part(output, PAYLOAD_KERNEL, kernel);
	file_unmap(&kernel);
	return true;
}

static bool put_initrd(struct output *output, const char *path, struct problem *problem)
{
	struct bytes initrd = {0};

	if (path && !file_map(path, &initrd, problem))
		return false;
	if (path && !initrd_check(initrd, problem))
		return problem_prefix(problem, "cannot use %s as initrd: it ", path);
	put_part(output, PAYLOAD_INITRD, initrd);
	file_unmap(&initrd);
	return true;
}

/* Leaves out times: the same content makes the same file. */
static bool put_files(struct output *output, const struct job_options *job, struct problem *problem)
{
	struct cpio cpio = {.write = put_archive, .context = output};
	struct files files;

	if (!files_gather(&job->files, job->uid, job->gid, &files, problem))
		return false;
	for (size_t i = 0; i < files.count; i++)
		files.entry[i].member.time = 0;
	begin_part(output, PAYLOAD_FILES);
	bool written = files_write(&files, &cpio, problem);
	if (files.count)
		cpio_finish(&cpio);
	end_part(output, PAYLOAD_FILES);
	files_release(&files);
	return written;
}

static void put_word(struct output *output, const char *word)
{
	put(output, word, strlen(word) + 1);
}

/* True for options whose value is in the file already. */
static bool is_packed(const char *word)
{
	static const char *const packed[] = {
		"--kernel=", "--initrd=",   "--file=",   "--rootdir=",
		"--env=",    "--env-file=", "--output=", "--rootfs-tar="};

	for (size_t i = 0; i < sizeof(packed) / sizeof(packed[0]); i++)
		if (!strncmp(word, packed[i], strlen(packed[i])))
			return true;
	return false;
}

static void put_words(struct output *output, const struct options *options,
		      const struct words *taken)
{
	begin_part(output, PAYLOAD_WORDS);
	for (size_t i = 0; i < taken->count; i++)
		if (!is_packed(taken->word[i]))
			put_word(output, taken->word[i]);
	for (size_t i = 0; i < options->job.environment.count; i++) {
		put(output, "--env=", 6);
		put_word(output, options->job.environment.word[i]);
	}
	if (options->command)
		put_word(output, "--");
	for (char **word = options->command; word && *word; word++)
		put_word(output, *word);
	end_part(output, PAYLOAD_WORDS);
}

static bool put_trailer(struct output *output)
{
	uint8_t trailer[PAYLOAD_TRAILER_SIZE];
	uint64_t begin = output->offset[PAYLOAD_KERNEL], end;
	void *file;

	memcpy(trailer, PAYLOAD_MAGIC, 8);
	for (unsigned i = 0; i < PAYLOAD_PARTS; i++) {
		put_le64(trailer + 8 + 16 * i, output->offset[i]);
		put_le64(trailer + 16 + 16 * i, output->length[i]);
	}
	put(output, trailer, PAYLOAD_TRAILER_SIZE - 8);
	end = output->size;
	file = output->failed ? MAP_FAILED : mmap(NULL, end, PROT_READ, MAP_SHARED, output->fd, 0);
	if (file == MAP_FAILED)
		return false;
	put_le64(trailer, xxh64((struct bytes){(uint8_t *)file + begin, end - begin}, 0));
	munmap(file, end);
	put(output, trailer, 8);
	/* Permissions like a compiler's output, by the umask: the file may have secrets. */
	mode_t mask = umask(0);
	umask(mask);
	return !output->failed && fchmod(output->fd, 0777 & ~mask) == 0;
}

/* --- the command --- */

static bool fill(struct output *output, const struct pack_options *options,
		 const struct words *taken, struct problem *problem)
{
	if (!put_launcher(output, problem) || !put_kernel(output, options->run.kernel, problem) ||
	    !put_initrd(output, options->run.initrd, problem) ||
	    !put_files(output, &options->run.job, problem))
		return false;
	put_words(output, &options->run, taken);
	return put_trailer(output) ||
	       problem_set(problem, "cannot write %s: %s (give -o another file)", options->output,
			   strerror(errno));
}

/* The file has another name until it is complete. */
static bool make(const struct pack_options *options, const struct words *taken,
		 struct problem *problem)
{
	struct output output = {0};
	struct text name;

	if (strlen(options->output) + sizeof(".partial") > sizeof(name.text))
		return problem_set(problem,
				   "the name of -o is too long (change to its directory first)");
	text_set(&name, "%s.partial", options->output);
	output.fd = open(name.text, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (output.fd < 0)
		return problem_set(problem, "cannot write %s: %s (%s)", name.text, strerror(errno),
				   errno == EEXIST ? "remove it" : "give -o another file");
	bool made = fill(&output, options, taken, problem);
	close(output.fd);
	if (made && rename(name.text, options->output) < 0)
		made = problem_set(problem, "cannot write %s: %s (give -o another file)",
				   options->output, strerror(errno));
	if (!made)
		unlink(name.text);
	return made;
}

static bool check(struct pack_options *options, const struct cli_words *words,
		  struct problem *problem)
{
	if (!options->output && !options->list)
		return problem_set(problem, "no file to make is named (say which with -o FILE)");
	if (options->output && options->list)
		return problem_set(problem, "-o and --list are two things (give one)");
	if (options->list)
		return true;
	if (!options->run.kernel)
		return problem_set(problem, "no kernel is given (say which with -k FILE)");
	if (options->run.nets && options->run.net[0].fds)
		return problem_set(problem, "-n fd= means a descriptor of now (use tap=)");
	return options_finish(&options->run, words, problem);
}

int pack(char **arguments)
{
	static struct pack_options options;
	struct cli_words words;
	struct problem problem;

	options_begin(&options.run);
	if (!cli_parse(&cli, arguments, &options, &words, &problem)) {
		problem_report(&problem);
		return CODE_MAYFLY_FAILED;
	}
	if (options.run.help)
		return cli_said(cli_help(&cli));
	bool done = check(&options, &words, &problem) &&
		    (options.list ? pack_list(options.list, &problem)
				  : make(&options, &words.options, &problem));
	if (!done)
		problem_report(&problem);
	return done ? CODE_OK : CODE_MAYFLY_FAILED;
}
