/* What "mayfly check-kernel" reads: configurations, and kernels with versions and configurations
 * in them. */
#include "fuzz.h"

#include "../unit/samples.h"
#include "kernel/kernel_config.h"
#include "kernel/kernel_facts.h"

enum { TEXT_MAX = 4096 };

/* Words of a .config, to be glued. */
static const char *const vocabulary[] = {
	"CONFIG_",  "# ",	   "#",	     " is not set", "=",     "=y",	"=m",
	"=n",	    "\"",	   "\n",     "\r\n",	    "\n",    " ",	"\t",
	"ACPI",	    "SERIAL_8250", "_PNP",   "_NR_UARTS",   "FOO",   "2",	"4294967296",
	"X86_64",   "ARM64",	   "PCI",    "VIRTIO_MMIO", "_CMDLINE_DEVICES", "0x", "-",
	"CONFIG_FOO=y\n",
};

static size_t make_text(struct input *input, uint8_t *out)
{
	size_t size = 0;

	while (input->size && size < TEXT_MAX - 32) {
		unsigned which = take8(input);
		const char *word = vocabulary[which % COUNT(vocabulary)];

		if (which >= 0xf0) {
			out[size++] = take8(input);
			continue;
		}
		memcpy(out + size, word, strlen(word));
		size += strlen(word);
	}
	return size;
}

static void require_gaps(struct bytes text, enum image_machine machine)
{
	struct text line;
	struct gap gap;
	unsigned count = 0;

	for (size_t at = 0; config_next_gap(text, machine, &at, &gap); count++) {
		REQUIRE(gap.options[0] && gap.purpose[0] && gap.weight <= NEED_ADVICE);
		config_describe(&gap, &line);
		REQUIRE(line.length && line.length == strlen(line.text));
		REQUIRE(!strncmp(line.text, "CONFIG_", 7));
	}
	REQUIRE(count < 64);
}

/* Whatever stands before, the last line decides. */
static void require_last_word(const uint8_t *text, size_t size)
{
	static const char *const ends[] = {"\n# CONFIG_FOO is not set", "\nCONFIG_FOO=m",
					   "\nCONFIG_FOO=y\r\n"};
	uint8_t whole[TEXT_MAX + 32];

	memcpy(whole, text, size);
	for (unsigned i = 0; i < COUNT(ends); i++) {
		memcpy(whole + size, ends[i], strlen(ends[i]));
		uint8_t *copy = exact_copy(whole, size + strlen(ends[i]));
		struct bytes bytes = {copy, size + strlen(ends[i])};
		REQUIRE(config_state(bytes, "FOO") == (enum config_state)i);
		REQUIRE(config_number(bytes, "FOO") == 0);
		REQUIRE(config_is(bytes));
		free(copy);
	}
}

/* A number, too; what is larger than any is the largest. */
static void require_number(struct input *input, const uint8_t *text, size_t size)
{
	uint64_t number = take64(input) >> take8(input) % 64;
	uint8_t whole[TEXT_MAX + 64];

	memcpy(whole, text, size);
	size += (size_t)sprintf((char *)whole + size, "\nCONFIG_FOO=%llu\n",
				(unsigned long long)number);
	uint8_t *copy = exact_copy(whole, size);
	REQUIRE(config_number((struct bytes){copy, size}, "FOO") ==
		(number > UINT32_MAX ? UINT32_MAX : number));
	free(copy);
}

static void fuzz_config(struct input *input)
{
	uint8_t text[TEXT_MAX];
	struct input rest = *input; /* the same bytes, in another sense */
	size_t size = make_text(input, text);
	uint8_t *copy = exact_copy(text, size);
	struct bytes bytes = {copy, size};

	require_number(&rest, text, size);
	require_gaps(bytes, IMAGE_FOR_X86_64);
	require_gaps(bytes, IMAGE_FOR_ARM64);
	if (config_state(bytes, "FOO") != CONFIG_OFF)
		REQUIRE(config_is(bytes));
	require_last_word(text, size);
	free(copy);
}

static size_t make_kernel(struct input *input, uint8_t *out)
{
	switch (take8(input) % 4) {
	case 0:
		sample_elf(out);
		return ELF_SIZE;
	case 1:
		sample_bzimage(out);
		return BZ_SIZE;
	case 2:
		sample_arm64(out);
		return A64_SIZE;
	default:
		memset(out, take8(input), BZ_SIZE);
		return BZ_SIZE;
	}
}

/* Puts words where they mean something, and bytes anywhere. */
static void spoil(struct input *input, uint8_t *file, size_t size)
{
	static const char *const words[] = {"Linux version ", "6.12.1 ", "IKCFG_ST\x1f\x8b\x08",
					    "IKCFG_ED", "HdrS", "\177ELF", "ARM\x64", "%s ", "\xb7"};

	while (input->size) {
		unsigned which = take8(input);
		size_t at = take16(input) % size;
		const char *word = words[which % COUNT(words)];

		if (which < 0x80 && strlen(word) <= size - at)
			memcpy(file + at, word, strlen(word));
		else
			file[at] = take8(input);
	}
}

static void require_facts(struct bytes file, const struct kernel_facts *facts)
{
	struct problem problem = {"", ""};
	struct image image;
	unsigned mib = 0;

	REQUIRE(memchr(facts->version, '\0', sizeof(facts->version)));
	for (const char *c = facts->version; *c; c++)
		REQUIRE(*c > ' ' && *c < 0x7f);
	REQUIRE(!facts->has_machine || facts->architecture);
	REQUIRE(!strcmp(kernel_machine_name(facts->machine),
			facts->machine == IMAGE_FOR_ARM64 ? "arm64" : "x86-64"));
	REQUIRE(facts->format != KERNEL_STRANGE || (!facts->version[0] && !facts->has_config));
	if (kernel_fits(file, IMAGE_FOR_X86_64, &image, &mib, &problem)) {
		REQUIRE(facts->has_machine && facts->machine == IMAGE_FOR_X86_64);
		REQUIRE(facts->pvh || facts->entry_64);
		REQUIRE(mib >= 16 && mib <= 3072);
	} else {
		require_refusal(&problem);
	}
	if (!kernel_fits(file, IMAGE_FOR_ARM64, &image, &mib, &problem))
		require_refusal(&problem);
}

static void fuzz_facts(struct input *input)
{
	static uint8_t file[BZ_SIZE];
	size_t size = make_kernel(input, file);
	uint16_t cut = take16(input);
	struct kernel_facts facts;

	_Static_assert(BZ_SIZE >= (int)ELF_SIZE && BZ_SIZE >= (int)A64_SIZE, "room for each");
	spoil(input, file, size);
	if (cut >= 0xc000)
		size = cut % (size + 1);
	uint8_t *copy = exact_copy(file, size);
	struct bytes bytes = {copy, size};
	kernel_facts_read(bytes, &facts);
	require_facts(bytes, &facts);
	free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = {data, size};

	if (take8(&input) % 2)
		fuzz_config(&input);
	else
		fuzz_facts(&input);
	return 0;
}
