/* PVH kernels: a good one, and every way in which a file can lie about itself. */
#include "kernel/image.h"

#include <stdlib.h>

#include "samples.h"
#include "unit.h"

/* 1 MiB to 16 MiB, as with -m 16. */
static const struct image_space space = {0x100000, 0x1000000, IMAGE_FOR_X86_64};

static uint8_t elf[ELF_SIZE];
static struct image image;
static struct problem problem;

static bool parse_size(size_t size)
{
	problem_clear(&problem);
	return image_parse((struct bytes){elf, size}, space, &image, &problem);
}

static bool parse(void)
{
	return parse_size(ELF_SIZE);
}

#define assert_parses()                               \
	do {                                          \
		if (!parse())                         \
			fail_msg("%s", in_words(&problem)); \
	} while (0)

#define assert_refused(says)                      \
	do {                                      \
		assert_false(parse());            \
		assert_mends(in_words(&problem), says); \
	} while (0)

static int set_up(void **state)
{
	(void)state;
	sample_elf(elf);
	return 0;
}

static void set_load(uint64_t offset, uint64_t address, uint64_t file_size, uint64_t memory_size)
{
	sample_program(elf, 0, PT_LOAD, offset, address, file_size, memory_size);
}

static void a_good_kernel(void **state)
{
	(void)state;
	assert_parses();
	assert_int_equal(image.format, IMAGE_PVH);
	assert_true(image.entry == ELF_ENTRY);
	assert_int_equal(image.segment_count, 1);
	assert_true(image.segment[0].file_offset == ELF_TEXT);
	assert_true(image.segment[0].file_size == ELF_TEXT_SIZE);
	assert_true(image.segment[0].address == ELF_ADDRESS);
	assert_true(image.segment[0].memory_size == 2 * ELF_TEXT_SIZE);
	assert_true(image.end == ELF_ADDRESS + 2 * ELF_TEXT_SIZE);
	/* A 32-bit entry finds an initrd anywhere below 4 GiB. */
	assert_true(image.initrd_max == UINT32_MAX);
	assert_int_equal(image.cmdline_max, 2047); /* COMMAND_LINE_SIZE of Linux/x86 and its NUL */
	assert_null(image.setup_header.data);
}

/* Whatever the order of the segments, END is above all of them. */
static void several_segments(void **state)
{
	(void)state;
	put_le16(elf + EHDR(e_phnum), 4);
	set_load(ELF_TEXT, 0x300000, 0x80, 0x4000);
	sample_program(elf, 2, PT_LOAD, ELF_TEXT, ELF_ADDRESS, ELF_TEXT_SIZE, ELF_TEXT_SIZE);
	sample_program(elf, 3, PT_LOAD, 0, 0x200000, 0, 0x1000);
	assert_parses();
	assert_int_equal(image.segment_count, 3);
	assert_true(image.segment[1].address == ELF_ADDRESS);
	assert_true(image.segment[2].file_size == 0);
	assert_true(image.end == 0x304000);
}

static void other_program_headers_are_ignored(void **state)
{
	(void)state;
	put_le16(elf + EHDR(e_phnum), 4);
	sample_program(elf, 2, PT_GNU_STACK, UINT64_MAX, 0, UINT64_MAX, UINT64_MAX);
	sample_program(elf, 3, PT_LOAD, UINT64_MAX, 0, 0, 0); /* empty: no memory, no file */
	assert_parses();
	assert_int_equal(image.segment_count, 1);
}

static void the_limit_of_segments(void **state)
{
	(void)state;
	put_le16(elf + EHDR(e_phnum), 2 + IMAGE_SEGMENTS_MAX - 1);
	for (unsigned i = 2; i < 2 + IMAGE_SEGMENTS_MAX; i++)
		sample_program(elf, i, PT_LOAD, ELF_TEXT, 0x100000 + 0x10000 * i, 16, 16);
	assert_parses();
	assert_int_equal(image.segment_count, IMAGE_SEGMENTS_MAX);
	put_le16(elf + EHDR(e_phnum), 2 + IMAGE_SEGMENTS_MAX);
	assert_refused("more than 16 ELF segments");
}

/* A file cut at any length is refused, and nothing beyond its end is touched: the bytes are at the
 * end of an allocation of just that size, which the sanitizer guards. */
static void cut_at_every_byte(void **state)
{
	(void)state;
	for (size_t size = 0; size < ELF_SIZE; size++) {
		uint8_t *copy = malloc(size ? size : 1);

		memcpy(copy, elf, size);
		problem_clear(&problem);
		bool parsed = image_parse((struct bytes){copy, size}, space, &image, &problem);
		free(copy);
		assert_each(!parsed, "parsed when cut to", size);
		assert_mends(in_words(&problem), "");
	}
}

static void headers_of_other_machines(void **state)
{
	(void)state;
	elf[EI_CLASS] = ELFCLASS32;
	assert_refused("another machine");
	sample_elf(elf);
	elf[EI_DATA] = ELFDATA2MSB;
	assert_refused("another machine");
	sample_elf(elf);
	put_le16(elf + EHDR(e_machine), EM_AARCH64);
	assert_refused("another machine");
}

static void no_program_headers(void **state)
{
	(void)state;
	put_le16(elf + EHDR(e_phnum), 0);
	assert_refused("program headers");
	sample_elf(elf);
	put_le16(elf + EHDR(e_phentsize), 32);
	assert_refused("program headers");
	sample_elf(elf);
	put_le16(elf + EHDR(e_phentsize), 0);
	assert_refused("program headers");
}

static void program_headers_beyond_the_file(void **state)
{
	static const uint64_t offsets[] = {ELF_SIZE, ELF_SIZE - 111, UINT64_MAX, UINT64_MAX - 55,
					   UINT64_MAX - 111, (uint64_t)1 << 63};

	(void)state;
	for (unsigned i = 0; i < COUNT(offsets); i++) {
		put_le64(elf + EHDR(e_phoff), offsets[i]);
		assert_refused("cut short");
	}
	put_le64(elf + EHDR(e_phoff), ELF_PROGRAMS);
	put_le16(elf + EHDR(e_phnum), UINT16_MAX);
	assert_refused("cut short");
}

/* "ELF segments outside RAM … sizes near 2^64". */
static void segments_outside_memory(void **state)
{
	static const struct {
		uint64_t address, memory_size;
	} wrong[] = {
		{0x1000000, ELF_TEXT_SIZE},	      /* begins at the end */
		{0x1000000 - ELF_TEXT_SIZE + 1, ELF_TEXT_SIZE}, /* ends one beyond it */
		{0x100000, 0xf00001},
		{0x100000, UINT64_MAX},
		{0x100000, UINT64_MAX - 0xfffff}, /* address + size wraps to 0 */
		{0x200000, UINT64_MAX - 0xfffff}, /* … and to 1 MiB */
		{UINT64_MAX, ELF_TEXT_SIZE},
		{UINT64_MAX - ELF_TEXT_SIZE + 1, ELF_TEXT_SIZE},
		{(uint64_t)1 << 63, (uint64_t)1 << 63},
		{0xffffffff80100000, ELF_TEXT_SIZE}, /* the virtual address */
		{0x100000000, ELF_TEXT_SIZE},
	};

	(void)state;
	for (unsigned i = 0; i < COUNT(wrong); i++) {
		set_load(ELF_TEXT, wrong[i].address, ELF_TEXT_SIZE, wrong[i].memory_size);
		assert_each(!parse(), "parsed with address", wrong[i].address);
		assert_mends(in_words(&problem), "-m");
	}
}

static void what_is_said_of_the_memory(void **state)
{
	(void)state;
	set_load(ELF_TEXT, 0x100000, ELF_TEXT_SIZE, UINT64_MAX);
	assert_refused("needs memory from 0x100000 on for 18014398509481984 KiB ");
	set_load(ELF_TEXT, 0x100000, ELF_TEXT_SIZE, 0xf00001);
	assert_refused("for 15361 KiB and the guest's ends at 0x1000000 ");
}

static void a_segment_may_end_with_memory(void **state)
{
	(void)state;
	set_load(ELF_TEXT, 0x1000000 - ELF_TEXT_SIZE, ELF_TEXT_SIZE, ELF_TEXT_SIZE);
	put_le64(elf + ELF_NOTE_VALUE, 0x1000000 - 1);
	assert_parses();
	assert_true(image.end == 0x1000000);
	set_load(ELF_TEXT, 0x100000, ELF_TEXT_SIZE, 0xf00000);
	put_le64(elf + ELF_NOTE_VALUE, 0x100000);
	assert_parses();
}

/* "… or overlapping boot data". */
static void segments_over_boot_data(void **state)
{
	static const uint64_t addresses[] = {0, 0x6000, 0x20000, 0xf0000, 0xfffff};

	(void)state;
	for (unsigned i = 0; i < COUNT(addresses); i++) {
		set_load(ELF_TEXT, addresses[i], ELF_TEXT_SIZE, ELF_TEXT_SIZE);
		assert_refused("boot data");
	}
}

static void segments_beyond_the_file(void **state)
{
	static const struct {
		uint64_t offset, size;
	} wrong[] = {
		{ELF_NOTE, ELF_NOTE_SIZE + 1},
		{ELF_NOTE + 1, ELF_NOTE_SIZE},
		{ELF_SIZE, 1},
		{0, ELF_SIZE + 1},
		{UINT64_MAX, 1},
		{UINT64_MAX, 2},	 /* wraps to 1 */
		{UINT64_MAX - 15, 0x200},
		{0x1000, 0xe00000},
		{(uint64_t)1 << 63, 0x100},
	};

	(void)state;
	for (unsigned i = 0; i < COUNT(wrong); i++) {
		set_load(wrong[i].offset, 0x100000, wrong[i].size, 0xf00000);
		assert_each(!parse(), "parsed with offset", wrong[i].offset);
		assert_says(in_words(&problem), "cut short");
	}
	set_load(ELF_TEXT, 0x100000, UINT64_MAX, 0x1000);
	assert_refused("file part is larger");
	set_load(ELF_TEXT, 0x100000, 0x100, 0xff);
	assert_refused("file part is larger");
}

static void no_note(void **state)
{
	(void)state;
	put_le32(elf + PHDR(1, p_type), PT_GNU_STACK);
	assert_refused("CONFIG_PVH=y");
	sample_elf(elf);
	put_le32(elf + ELF_NOTE + 8, 17); /* another type */
	assert_refused("CONFIG_PVH=y");
	sample_elf(elf);
	memcpy(elf + ELF_NOTE + 12, "GNU", 4); /* another owner */
	assert_refused("CONFIG_PVH=y");
	sample_elf(elf);
	put_le32(elf + ELF_NOTE + 4, 0); /* no value */
	assert_refused("CONFIG_PVH=y");
}

/* Notes whose sizes lead out of their segment, near 2^32 too. */
static void damaged_notes(void **state)
{
	static const uint32_t sizes[] = {ELF_NOTE_SIZE, 9,	    0x100,	0x7fffffff,
					 0xfffffff0,	0xfffffffc, 0xfffffffd, UINT32_MAX};

	(void)state;
	for (unsigned i = 0; i < COUNT(sizes); i++) {
		sample_elf(elf);
		put_le32(elf + ELF_NOTE + 4, sizes[i]);
		assert_refused("CONFIG_PVH=y");
		sample_elf(elf);
		put_le32(elf + ELF_NOTE, sizes[i]);
		assert_refused("CONFIG_PVH=y");
	}
	for (uint64_t size = 0; size < ELF_NOTE_SIZE; size++) {
		sample_elf(elf);
		put_le64(elf + PHDR(1, p_filesz), size);
		assert_each(!parse(), "a note was found in bytes", size);
	}
	sample_elf(elf);
	put_le64(elf + PHDR(1, p_offset), UINT64_MAX - 7);
	assert_refused("CONFIG_PVH=y");
}

/* A note's header that is cut by the end of the file: ELF is a global of just the file's size, so
 * the sanitizer sees a byte too many. */
static void notes_at_the_end_of_the_file(void **state)
{
	(void)state;
	for (uint64_t size = 0; size < 12; size++) {
		put_le64(elf + PHDR(1, p_offset), ELF_SIZE - size);
		put_le64(elf + PHDR(1, p_filesz), size);
		assert_refused("CONFIG_PVH=y");
	}
}

/* Other notes come first; names are padded to 4 bytes, and so are values. */
static void the_note_among_others(void **state)
{
	uint8_t *note = elf + ELF_TEXT;

	(void)state;
	memcpy(note + 24, elf + ELF_NOTE, ELF_NOTE_SIZE);
	put_le32(note, 5); /* "Linux" with its NUL would be 6; 5 bytes, padded to 8 */
	put_le32(note + 4, 1); /* one byte, padded to 4 */
	put_le32(note + 8, 18);
	memcpy(note + 12, "Linux\0\0\0\1\0\0", 12);
	sample_program(elf, 1, PT_NOTE, ELF_TEXT, 0, 24 + ELF_NOTE_SIZE, 0);
	assert_parses();
	assert_true(image.entry == ELF_ENTRY);
}

static void the_note_in_a_second_segment(void **state)
{
	(void)state;
	put_le16(elf + EHDR(e_phnum), 3);
	sample_program(elf, 1, PT_NOTE, ELF_TEXT, 0, 0x20, 0x20); /* rubbish */
	sample_program(elf, 2, PT_NOTE, ELF_NOTE, 0, ELF_NOTE_SIZE, ELF_NOTE_SIZE);
	assert_parses();
	assert_true(image.entry == ELF_ENTRY);
}

/* elfnote.h: "…the physical address of the entry point", 4 bytes in a 32-bit kernel. */
static void a_value_of_four_bytes(void **state)
{
	(void)state;
	put_le32(elf + ELF_NOTE + 4, 4);
	put_le64(elf + ELF_NOTE_VALUE, 0xdeadbeef00000000 | ELF_ENTRY);
	assert_parses();
	assert_true(image.entry == ELF_ENTRY);
}

static void an_entry_outside_every_segment(void **state)
{
	static const uint64_t entries[] = {0, 0xfffff, ELF_ADDRESS + ELF_TEXT_SIZE,
					   ELF_ADDRESS + 2 * ELF_TEXT_SIZE, 0x1000000,
					   0x100000000 + ELF_ENTRY, UINT64_MAX};

	(void)state;
	for (unsigned i = 0; i < COUNT(entries); i++) {
		put_le64(elf + ELF_NOTE_VALUE, entries[i]);
		assert_each(!parse(), "parsed with entry", entries[i]);
		assert_mends(in_words(&problem), "PVH entry");
	}
	put_le64(elf + ELF_NOTE_VALUE, ELF_ADDRESS + ELF_TEXT_SIZE - 1);
	assert_parses();
	put_le64(elf + ELF_NOTE_VALUE, ELF_ADDRESS);
	assert_parses();
}

static void a_kernel_without_segments(void **state)
{
	(void)state;
	put_le32(elf + PHDR(0, p_type), PT_NULL);
	assert_refused("PVH entry");
}

/* What is loaded must not depend on the order of the segments. */
static void segments_that_overlap(void **state)
{
	(void)state;
	for (int shift = -1; shift <= 1; shift++) {
		set_up(state);
		put_le32(elf + PHDR(1, p_type), PT_LOAD);
		put_le64(elf + PHDR(1, p_offset), 0);
		put_le64(elf + PHDR(1, p_filesz), 16);
		put_le64(elf + PHDR(1, p_memsz), 16);
		put_le64(elf + PHDR(1, p_paddr),
			 get_le64(elf + PHDR(0, p_paddr)) + get_le64(elf + PHDR(0, p_memsz)) +
				 (uint64_t)shift);
		if (shift < 0)
			assert_refused("overlap");
		else
			assert_false(!parse() && strstr(in_words(&problem), "overlap"));
	}
}

#define PVH_TEST(test) cmocka_unit_test_setup(test, set_up)

int main(void)
{
	const struct CMUnitTest tests[] = {
		PVH_TEST(a_good_kernel),
		PVH_TEST(several_segments),
		PVH_TEST(other_program_headers_are_ignored),
		PVH_TEST(the_limit_of_segments),
		PVH_TEST(cut_at_every_byte),
		PVH_TEST(headers_of_other_machines),
		PVH_TEST(no_program_headers),
		PVH_TEST(program_headers_beyond_the_file),
		PVH_TEST(segments_outside_memory),
		PVH_TEST(what_is_said_of_the_memory),
		PVH_TEST(a_segment_may_end_with_memory),
		PVH_TEST(segments_over_boot_data),
		PVH_TEST(segments_beyond_the_file),
		PVH_TEST(segments_that_overlap),
		PVH_TEST(no_note),
		PVH_TEST(damaged_notes),
		PVH_TEST(notes_at_the_end_of_the_file),
		PVH_TEST(the_note_among_others),
		PVH_TEST(the_note_in_a_second_segment),
		PVH_TEST(a_value_of_four_bytes),
		PVH_TEST(an_entry_outside_every_segment),
		PVH_TEST(a_kernel_without_segments),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
