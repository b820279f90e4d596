/* What the guest is told: a job of any words comes out of the archive as it went in, an archive
 * that somebody does not take is a failure, and a command line is its words with blanks between,
 * or does not fit. */
#include "fuzz.h"

#include "kernel/cmdline.h"
#include "archive/cpio.h"
#include "archive/job.h"

enum { ARCHIVE_MAX = 16384, WORDS_MAX = 12, TEXT_MAX = 4096 };

static uint8_t archive[ARCHIVE_MAX];
static uint64_t fails_at; /* an offset that is not written */

static bool take(void *context, uint64_t offset, const void *data, size_t size)
{
	REQUIRE(context == archive && offset <= sizeof(archive) &&
		size <= sizeof(archive) - offset);
	if (offset <= fails_at && fails_at - offset < size)
		return false;
	memcpy(archive + offset, data, size);
	return true;
}

/* --- words, and the job's text as it should be --- */

static char words[64][20], *arguments[WORDS_MAX + 1], *environment[WORDS_MAX + 1];
static const char *outs[WORDS_MAX + 1];
static unsigned word_count;
static char expected[TEXT_MAX];
static size_t expected_size;

static char *take_word(struct input *input)
{
	char *word = words[word_count++];
	unsigned length = take8(input) % sizeof(words[0]);

	for (unsigned i = 0; i < length; i++)
		word[i] = (char)(1 + take8(input) % 255);
	word[length] = '\0';
	return word;
}

static void expect(char tag, const char *word)
{
	if (word)
		expected_size += 1 + (size_t)sprintf(expected + expected_size, "%c%s", tag, word);
}

/* The word that a member of struct job gets, or NULL; and what that makes. */
static const char *choose(struct input *input, unsigned which, unsigned bit, char tag)
{
	const char *word = which >> bit & 1 ? take_word(input) : NULL;

	expect(tag, word);
	return word;
}

static void choose_list(struct input *input, char **list, char tag)
{
	unsigned count = take8(input) % WORDS_MAX;

	for (unsigned i = 0; i < count; i++) {
		list[i] = take_word(input);
		expect(tag, list[i]);
	}
	list[count] = NULL;
}

static void make_job(struct input *input, struct job *job)
{
	unsigned which = take16(input);

	word_count = 0;
	expected_size = 1 + (size_t)sprintf(expected, "s");
	for (unsigned i = 0; i < sizeof(job->seed); i++) {
		job->seed[i] = take8(input);
		expected_size +=
			(size_t)sprintf(expected + expected_size - 1, "%02x", job->seed[i]);
	}
	job->root = choose(input, which, 0, 'r');
	job->hostname = choose(input, which, 1, 'h');
	for (unsigned i = 0; i < JOB_IPS; i++) {
		job->ip[i].address = choose(input, which, 2 + i, 'i');
		job->ip[i].gateway = choose(input, which, 4 + i, 'g');
		job->ip[i].dns = choose(input, which, 6 + i, 'n');
	}
	job->user = choose(input, which, 8, 'u');
	job->workdir = choose(input, which, 9, 'w');
	job->terminal = choose(input, which, 10, 't');
	job->out_disk = choose(input, which, 11, 'd');
	if (which >> 12 & 1) {
		choose_list(input, (char **)(uintptr_t)outs, 'o');
		job->outs = outs;
	}
	if (which >> 13 & 1) {
		choose_list(input, environment, 'e');
		job->environment = environment;
	}
	choose_list(input, arguments, 'a');
	job->arguments = arguments;
}

/* The next member: its name and mode, and where its data is. */
static struct bytes next_member(struct bytes *left, const char *name, uint32_t mode)
{
	uint32_t value, name_size, file_size;

	REQUIRE(left->size >= CPIO_HEADER_SIZE && !memcmp(left->data, "070701", 6));
	REQUIRE(cpio_get(left->data, CPIO_FIELD_MODE, &value) && value == mode);
	REQUIRE(cpio_get(left->data, CPIO_FIELD_NAME_SIZE, &name_size));
	REQUIRE(cpio_get(left->data, CPIO_FIELD_FILE_SIZE, &file_size));
	REQUIRE(name_size == strlen(name) + 1);
	REQUIRE(!memcmp(left->data + CPIO_HEADER_SIZE, name, name_size));
	size_t data = (CPIO_HEADER_SIZE + name_size + 3) & ~3u;
	struct bytes found = {left->data + data, file_size};
	data += (file_size + 3) & ~3u;
	REQUIRE(data <= left->size);
	*left = (struct bytes){left->data + data, left->size - data};
	return found;
}

static void fuzz_job(struct input *input)
{
	static const uint8_t init[300] = "\177ELF";
	struct job job = {.init = {init, take16(input) % sizeof(init)}};
	struct cpio cpio = {.write = take, .context = archive}, measure = {0};
	struct problem problem;

	fails_at = UINT64_MAX;
	if (take8(input) >= 0xf0)
		fails_at = take16(input) % 2048;
	make_job(input, &job);
	job_write_init(&cpio, &job);
	job_write_file(&cpio, &job);
	REQUIRE(cpio_finish(&cpio) == (fails_at >= cpio.size));
	job_write_init(&measure, &job);
	job_write_file(&measure, &job);
	REQUIRE(cpio_finish(&measure) && measure.size == cpio.size);
	if (cpio.failed)
		return;
	struct bytes left = {archive, cpio.size};
	REQUIRE(cpio_check(left, &problem));
	REQUIRE(next_member(&left, ".mayfly", 040700).size == 0);
	struct bytes file = next_member(&left, ".mayfly/init", 0100700);
	REQUIRE(file.size == job.init.size && !memcmp(file.data, init, file.size));
	file = next_member(&left, ".mayfly/job", 0100600);
	REQUIRE(file.size == expected_size && !memcmp(file.data, expected, expected_size));
	next_member(&left, "TRAILER!!!", 0);
	REQUIRE(left.size == 0);
}

static void fuzz_cmdline(struct input *input)
{
	static struct cmdline cmdline;
	static char text[16 * CMDLINE_CAPACITY], word[CMDLINE_CAPACITY + 100];
	size_t length = 0, limit = take16(input);

	memset(&cmdline, 0, sizeof(cmdline));
	for (unsigned count = take8(input) % 16; count; count--) {
		unsigned size = take16(input) % sizeof(word);

		memset(word, 'a' + (int)(count % 26), size);
		word[size] = '\0';
		cmdline_add(&cmdline, size || count & 1 ? word : NULL);
		if (size)
			length += (size_t)sprintf(text + length, "%s%s", length ? " " : "", word);
	}
	bool fits = length < CMDLINE_CAPACITY;
	REQUIRE(cmdline.length == length &&
		cmdline_fits(&cmdline, limit) == (fits && length <= limit));
	REQUIRE(memchr(cmdline.text, '\0', CMDLINE_CAPACITY));
	REQUIRE(!fits || !strcmp(cmdline.text, length ? text : ""));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = {data, size};

	if (take8(&input) % 4)
		fuzz_job(&input);
	else
		fuzz_cmdline(&input);
	return 0;
}
