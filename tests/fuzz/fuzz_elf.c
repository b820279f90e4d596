/* PVH kernels: a good ELF file with changed headers, program headers and notes, cut anywhere. */
#define MACHINE IMAGE_FOR_X86_64
#define SPACE_START 0x100000
#include "fuzz_image.h"

#include "../unit/samples.h"

#define FIELD(at, type, name) {(at), sizeof(((type *)0)->name)}
#define PROGRAM(i)                                              \
	FIELD(PHDR(i, p_type), Elf64_Phdr, p_type),             \
		FIELD(PHDR(i, p_offset), Elf64_Phdr, p_offset), \
		FIELD(PHDR(i, p_paddr), Elf64_Phdr, p_paddr),   \
		FIELD(PHDR(i, p_filesz), Elf64_Phdr, p_filesz), \
		FIELD(PHDR(i, p_memsz), Elf64_Phdr, p_memsz)

static const struct field fields[] = {
	PROGRAM(0),
	PROGRAM(1),
	PROGRAM(2),
	PROGRAM(3),
	FIELD(EHDR(e_phoff), Elf64_Ehdr, e_phoff),
	FIELD(EHDR(e_phnum), Elf64_Ehdr, e_phnum),
	FIELD(EHDR(e_phentsize), Elf64_Ehdr, e_phentsize),
	FIELD(EHDR(e_machine), Elf64_Ehdr, e_machine),
	{ELF_NOTE, 4},
	{ELF_NOTE + 4, 4},
	{ELF_NOTE + 8, 4},
	{ELF_NOTE_VALUE, 8},
};

static const uint64_t bases[] = {
	0, 1, 2, PT_NOTE, 18, ELF_PROGRAMS, ELF_NOTE, ELF_NOTE_SIZE, ELF_TEXT, ELF_TEXT_SIZE,
	ELF_SIZE, SPACE_START, SPACE_SIZE, SPACE_END, SPACE_END - ELF_TEXT_SIZE, ELF_ENTRY,
	(uint64_t)1 << 32, (uint64_t)1 << 63, UINT32_MAX, UINT64_MAX, UINT64_MAX - SPACE_START + 1,
};

static void build(uint8_t elf[ELF_SIZE], unsigned programs)
{
	sample_elf(elf);
	put_le16(elf + EHDR(e_phnum), (uint16_t)(2 + programs));
	for (unsigned i = 0; i < programs; i++)
		sample_program(elf, 2 + i, PT_LOAD, ELF_TEXT + i, SPACE_START + 0x800 * (1 + i),
			       ELF_TEXT_SIZE / 2, 0x800);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = {data, size};
	uint8_t elf[ELF_SIZE];
	struct image image;

	build(elf, take8(&input) % (ELF_PROGRAMS_MAX - 1));
	uint16_t cut = take16(&input);
	patch(&input, elf, sizeof(elf), fields, COUNT(fields), bases, COUNT(bases));

	size_t length = cut < 0xe000 ? ELF_SIZE : cut % (ELF_SIZE + 1u);
	uint8_t *copy = exact_copy(elf, length);
	if (accept_image((struct bytes){copy, length}, &image))
		REQUIRE(image.format == IMAGE_PVH || !memcmp(copy + 0x202, "HdrS", 4));
	free(copy);
	return 0;
}
