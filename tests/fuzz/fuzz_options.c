/* The command line: words from a vocabulary, glued and mixed with rubbish. */
#include "fuzz.h"

#include "options.h"

enum { WORDS_MAX = 12, WORD_MAX = 40 };

static const char *const vocabulary[] = {
	"-k", "-i", "-c", "-m", "-a", "-v", "-h", "--", "--kernel", "--initrd", "--cpus",
	"--memory", "--append", "--console", "--verbose", "--help", "=", "-", "", "1", "32", "33",
	"16", "64G", "65536", "16M", "17179869184G", "18446744073709551615",
	"99999999999999999999", "K", "T", "iB", " ", "vmlinux", "0", "4096",
};

/* One argument: up to three pieces of vocabulary or rubbish, in an allocation of its size. */
static char *take_word(struct input *input)
{
	char word[3 * WORD_MAX + 1] = "";
	unsigned pieces = 1 + take8(input) % 3;

	while (pieces--) {
		unsigned which = take8(input);

		if (which >= 0xf0)
			strncat(word, (const char[]){(char)(which & 0xf ? which : take8(input)), 0},
				1);
		else
			strcat(word, vocabulary[which % COUNT(vocabulary)]);
	}
	return (char *)exact_copy((const uint8_t *)word, strlen(word) + 1);
}

/* Everything that the rest of mayfly relies on. */
static void require_valid(const struct options *options, char *const *arguments)
{
	REQUIRE(options->cpus >= 1 && options->cpus <= 32);
	REQUIRE(options->memory >= (uint64_t)16 << 20 && options->memory <= (uint64_t)64 << 30);
	REQUIRE(options->memory % 4096 == 0);
	if (options->help)
		return;
	REQUIRE(options->kernel && options->kernel[0]);
	REQUIRE(!options->initrd || options->initrd[0]);
	REQUIRE(!options->append || options->append[0]);
	REQUIRE(!options->console || options->console[0]);
	REQUIRE(!(options->verbose && options->console));
	if (!options->command)
		return;
	REQUIRE(options->command[0] && options->command[0][0]);
	/* It is the rest of the arguments, behind a "--". */
	for (; *arguments && arguments + 1 != options->command; arguments++)
		;
	REQUIRE(*arguments && !strcmp(*arguments, "--"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = {data, size};
	char *arguments[WORDS_MAX + 1] = {NULL};
	struct options options;
	struct problem problem = {""};
	unsigned count = 0;

	if (take8(&input) % 4)
		arguments[count++] = (char *)exact_copy((const uint8_t *)"-kx", 4);
	while (count < WORDS_MAX && input.size)
		arguments[count++] = take_word(&input);

	if (options_parse(arguments, &options, &problem))
		require_valid(&options, arguments);
	else
		require_refusal(&problem);
	while (count)
		free(arguments[--count]);
	return 0;
}
