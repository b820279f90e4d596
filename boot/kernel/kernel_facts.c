#include "kernel/kernel_facts.h"

#include <elf.h>
#include <string.h>

#define MIB (1ull << 20)
#define MEMORY_MIN 16 /* the least -m, in MiB */

/* Offsets in a bzImage (Documentation/arch/x86/boot.rst). */
enum {
	SETUP_SECTS = 0x1f1,
	PROTOCOL = 0x206,
	KERNEL_VERSION = 0x20e, /* offset of the text, minus 0x200 */
	RELOCATABLE_KERNEL = 0x234,
	XLOADFLAGS = 0x236,
	HEADER_END = 0x238,
	SECTOR = 0x200,
};

enum { PROTOCOL_2_05 = 0x0205, PROTOCOL_2_12 = 0x020c, XLF_KERNEL_64 = 1 << 0 };

/* By machine. SPACE is the memory in the architecture's arch_layout.h. */
static const struct {
	const char *name;
	uint64_t ram;
	struct image_space space;
} machines[] = {
	[IMAGE_FOR_X86_64] = {"x86-64", 0, {0x100000, 0xc0000000, IMAGE_FOR_X86_64}},
	[IMAGE_FOR_ARM64] = {"arm64", 0x40000000, {0x40200000, 0x1040000000, IMAGE_FOR_ARM64}},
};

/* The rest of FILE after WORD, which is NUL-terminated. Without data if WORD is not there. */
static struct bytes after(struct bytes file, const char *word)
{
	size_t length = strlen(word);

	while (file.size >= length) {
		const uint8_t *found = memchr(file.data, word[0], file.size - length + 1);

		if (!found)
			break;
		size_t skipped = (size_t)(found - file.data);
		bool here = !memcmp(found, word, length);
		skipped += here ? length : 1;
		file = (struct bytes){file.data + skipped, file.size - skipped};
		if (here)
			return file;
	}
	return (struct bytes){0};
}

/* Takes a release: it begins with a digit, is printable, and ends in TEXT, before a blank or a
 * NUL. */
static bool take_version(struct bytes text, char version[KERNEL_VERSION_SIZE])
{
	size_t length = 0;

	if (!text.size || text.data[0] < '0' || text.data[0] > '9')
		return false;
	while (length < text.size && text.data[length] > ' ' && text.data[length] < 0x7f)
		length++;
	if (length >= KERNEL_VERSION_SIZE || length == text.size ||
	    (text.data[length] && text.data[length] != ' '))
		return false;
	memcpy(version, text.data, length);
	version[length] = '\0';
	return true;
}

/* Looks for linux_banner. A format string has the same words, with '%' for the version. */
static void find_version(struct bytes file, struct kernel_facts *facts)
{
	for (struct bytes rest = after(file, "Linux version "); rest.size;
	     rest = after(rest, "Linux version "))
		if (take_version(rest, facts->version))
			return;
}

/* kernel/configs.c: marks before and after gzip's data. */
static bool has_config(struct bytes file)
{
	return after(after(file, "IKCFG_ST\x1f\x8b\x08"), "IKCFG_ED").data != NULL;
}

static void set_machine(struct kernel_facts *facts, enum image_machine machine)
{
	facts->has_machine = true;
	facts->machine = machine;
	facts->architecture = machines[machine].name;
}

static void read_elf(struct bytes file, struct kernel_facts *facts)
{
	uint64_t entry;

	facts->format = KERNEL_ELF;
	if (!bytes_have(file, 0, sizeof(Elf64_Ehdr)))
		return;
	facts->elf_machine = get_le16(file.data + offsetof(Elf64_Ehdr, e_machine));
	facts->pvh = pvh_find_entry(file, &entry);
	if (facts->elf_machine == EM_X86_64)
		set_machine(facts, IMAGE_FOR_X86_64);
	if (facts->elf_machine == EM_AARCH64)
		set_machine(facts, IMAGE_FOR_ARM64);
}

static void read_bzimage(struct bytes file, struct kernel_facts *facts)
{
	facts->format = KERNEL_BZIMAGE;
	facts->architecture = "x86";
	if (!bytes_have(file, 0, HEADER_END))
		return;
	facts->protocol = get_le16(file.data + PROTOCOL);
	facts->relocatable = facts->protocol >= PROTOCOL_2_05 && file.data[RELOCATABLE_KERNEL] != 0;
	facts->entry_64 = facts->protocol >= PROTOCOL_2_12 &&
			  get_le16(file.data + XLOADFLAGS) & XLF_KERNEL_64;
	if (facts->entry_64)
		set_machine(facts, IMAGE_FOR_X86_64);

	uint64_t setup = (uint64_t)(file.data[SETUP_SECTS] ? file.data[SETUP_SECTS] : 4) * SECTOR;
	uint64_t version = get_le16(file.data + KERNEL_VERSION);
	if (version && version < setup && bytes_have(file, 0, setup + SECTOR))
		take_version((struct bytes){file.data + SECTOR + version, setup - version},
			     facts->version);
}

void kernel_facts_read(struct bytes file, struct kernel_facts *facts)
{
	*facts = (struct kernel_facts){0};
	if (bytes_hold(file, 0, ELFMAG, SELFMAG)) {
		read_elf(file, facts);
	} else if (bytes_hold(file, SECTOR + 2, "HdrS", 4)) {
		read_bzimage(file, facts);
		return; /* the rest of the file is compressed */
	} else if (bytes_hold(file, 56, "ARM\x64", 4)) {
		facts->format = KERNEL_IMAGE;
		set_machine(facts, IMAGE_FOR_ARM64);
	} else {
		return;
	}
	find_version(file, facts);
	facts->has_config = has_config(file);
}

bool kernel_fits(struct bytes file, enum image_machine machine, struct image *image, unsigned *mib,
		 struct problem *problem)
{
	if (!image_parse(file, machines[machine].space, image, problem))
		return false;
	*mib = (unsigned)((image->end - machines[machine].ram + MIB - 1) / MIB);
	if (*mib < MEMORY_MIN)
		*mib = MEMORY_MIN;
	return true;
}

const char *kernel_machine_name(enum image_machine machine)
{
	return machines[machine].name;
}
