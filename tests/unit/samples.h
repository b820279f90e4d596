/* Small kernels and archives, built in memory field by field from the specifications and not with
 * the code under test. For the unit tests and the fuzzers. */
#ifndef MAYFLY_SAMPLES_H
#define MAYFLY_SAMPLES_H

#include <elf.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"

/* --- a PVH kernel: one segment of text at 1 MiB, one note with the entry --- */

enum {
	ELF_PROGRAMS = 0x40, /* program headers, with room for ELF_PROGRAMS_MAX */
	ELF_PROGRAMS_MAX = 20,
	ELF_TEXT = 0x500,
	ELF_TEXT_SIZE = 0x100,
	ELF_NOTE = 0x600, /* last, so that a step too far leaves the file */
	ELF_NOTE_VALUE = ELF_NOTE + 16,
	ELF_NOTE_SIZE = 24, /* owner "Xen", type 18, an entry of 8 bytes */
	ELF_SIZE = ELF_NOTE + ELF_NOTE_SIZE,
	ELF_ADDRESS = 0x100000,
	ELF_ENTRY = 0x100010,
};

/* Where a field is in the file. */
#define EHDR(field) offsetof(Elf64_Ehdr, field)
#define PHDR(index, field) \
	(ELF_PROGRAMS + (index) * sizeof(Elf64_Phdr) + offsetof(Elf64_Phdr, field))

static inline void sample_program(uint8_t elf[ELF_SIZE], unsigned index, uint32_t type,
				  uint64_t offset, uint64_t address, uint64_t file_size,
				  uint64_t memory_size)
{
	Elf64_Phdr program = {
		.p_type = type,
		.p_flags = PF_R | PF_X,
		.p_offset = offset,
		/* As in vmlinux: mapped high, loaded low. */
		.p_vaddr = 0xffffffff80000000 + address,
		.p_paddr = address,
		.p_filesz = file_size,
		.p_memsz = memory_size,
	};

	memcpy(elf + ELF_PROGRAMS + index * sizeof(program), &program, sizeof(program));
}

static inline void sample_elf(uint8_t elf[ELF_SIZE])
{
	const Elf64_Ehdr header = {
		.e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
		.e_type = ET_EXEC,
		.e_machine = EM_X86_64,
		.e_version = EV_CURRENT,
		.e_phoff = ELF_PROGRAMS,
		.e_ehsize = sizeof(Elf64_Ehdr),
		.e_phentsize = sizeof(Elf64_Phdr),
		.e_phnum = 2,
	};

	memset(elf, 0, ELF_SIZE);
	memcpy(elf, &header, sizeof(header));
	sample_program(elf, 0, PT_LOAD, ELF_TEXT, ELF_ADDRESS, ELF_TEXT_SIZE, 2 * ELF_TEXT_SIZE);
	sample_program(elf, 1, PT_NOTE, ELF_NOTE, 0, ELF_NOTE_SIZE, ELF_NOTE_SIZE);
	put_le32(elf + ELF_NOTE, 4);	  /* n_namesz */
	put_le32(elf + ELF_NOTE + 4, 8);  /* n_descsz */
	put_le32(elf + ELF_NOTE + 8, 18); /* n_type: XEN_ELFNOTE_PHYS32_ENTRY */
	memcpy(elf + ELF_NOTE + 12, "Xen", 4);
	put_le64(elf + ELF_NOTE_VALUE, ELF_ENTRY);
	for (unsigned i = 0; i < ELF_TEXT_SIZE; i++)
		elf[ELF_TEXT + i] = (uint8_t)(i | 1);
}

/* --- a bzImage of protocol 2.15: one sector of setup, then the code --- */

/* Fields of the setup header, Documentation/arch/x86/boot.rst. */
enum {
	BZ_SETUP_SECTS = 0x1f1,
	BZ_SYSSIZE = 0x1f4,
	BZ_BOOT_FLAG = 0x1fe,
	BZ_JUMP = 0x200,
	BZ_MAGIC = 0x202,
	BZ_VERSION = 0x206,
	BZ_TYPE_OF_LOADER = 0x210,
	BZ_LOADFLAGS = 0x211,
	BZ_CODE32_START = 0x214,
	BZ_RAMDISK_IMAGE = 0x218,
	BZ_RAMDISK_SIZE = 0x21c,
	BZ_CMD_LINE_PTR = 0x228,
	BZ_INITRD_ADDR_MAX = 0x22c,
	BZ_KERNEL_ALIGNMENT = 0x230,
	BZ_RELOCATABLE = 0x234,
	BZ_MIN_ALIGNMENT = 0x235,
	BZ_XLOADFLAGS = 0x236,
	BZ_CMDLINE_SIZE = 0x238,
	BZ_SETUP_DATA = 0x250,
	BZ_PREF_ADDRESS = 0x258,
	BZ_INIT_SIZE = 0x260,
	BZ_HANDOVER_OFFSET = 0x264,
	BZ_KERNEL_INFO = 0x268,
	BZ_HEADER_END = 0x26c,

	BZ_CODE = 2 * 512,
	BZ_CODE_SIZE = 0x800,
	BZ_SIZE = BZ_CODE + BZ_CODE_SIZE,
	BZ_PREFERRED = 0x100000,
	BZ_NEEDED = 0x8000,
};

static inline void sample_bzimage(uint8_t file[BZ_SIZE])
{
	memset(file, 0, BZ_SIZE);
	file[BZ_SETUP_SECTS] = 1;
	put_le32(file + BZ_SYSSIZE, BZ_CODE_SIZE / 16);
	put_le16(file + BZ_BOOT_FLAG, 0xaa55);
	file[BZ_JUMP] = 0xeb; /* a short jump over the rest of the header */
	file[BZ_JUMP + 1] = BZ_HEADER_END - 0x202;
	memcpy(file + BZ_MAGIC, "HdrS", 4);
	put_le16(file + BZ_VERSION, 0x20f);
	file[BZ_LOADFLAGS] = 0x01; /* LOADED_HIGH */
	put_le32(file + BZ_CODE32_START, 0x100000);
	put_le32(file + BZ_INITRD_ADDR_MAX, 0x7fffffff);
	put_le32(file + BZ_KERNEL_ALIGNMENT, 0x200000);
	file[BZ_RELOCATABLE] = 1;
	file[BZ_MIN_ALIGNMENT] = 21;
	put_le16(file + BZ_XLOADFLAGS, 0x0003); /* KERNEL_64, CAN_BE_LOADED_ABOVE_4G */
	put_le32(file + BZ_CMDLINE_SIZE, 2047);
	put_le64(file + BZ_PREF_ADDRESS, BZ_PREFERRED);
	put_le32(file + BZ_INIT_SIZE, BZ_NEEDED);
	put_le32(file + BZ_HANDOVER_OFFSET, 0x190);
	put_le32(file + BZ_KERNEL_INFO, 0x500);
	for (unsigned i = 0; i < BZ_CODE_SIZE; i++)
		file[BZ_CODE + i] = (uint8_t)(i | 1);
}

/* --- an arm64 Image with 4 KiB pages, as an EFI program --- */

/* Fields of the header, Documentation/arch/arm64/booting.rst §4. */
enum {
	A64_CODE0 = 0,
	A64_CODE1 = 4,
	A64_TEXT_OFFSET = 8,
	A64_IMAGE_SIZE = 16,
	A64_FLAGS = 24,
	A64_MAGIC = 56,
	A64_PE_HEADER = 60,
	A64_HEADER_END = 64,

	A64_SIZE = 0x900,
	A64_NEEDED = 0x8000,
};

static inline void sample_arm64(uint8_t file[A64_SIZE])
{
	memset(file, 0, A64_SIZE);
	put_le32(file + A64_CODE0, 0xfa405a4d); /* "MZ", or CCMP X18, #0, #13, PL */
	put_le32(file + A64_CODE1, 0x1400000f); /* B to the header's end */
	put_le64(file + A64_IMAGE_SIZE, A64_NEEDED);
	put_le64(file + A64_FLAGS, 1 << 3 | 1 << 1); /* anywhere, 4 KiB */
	memcpy(file + A64_MAGIC, "ARM\x64", 4);
	put_le32(file + A64_PE_HEADER, A64_HEADER_END);
	for (unsigned i = A64_HEADER_END; i < A64_SIZE; i++)
		file[i] = (uint8_t)(i | 1);
}

/* --- a newc archive --- */

enum { CPIO_HEADER = 110, CPIO_FILE_SIZE = 54, CPIO_NAME_SIZE = 94 };

/* Appends a member at AT and returns where the next one begins. OUT has room for it and a NUL. */
static inline size_t sample_member(uint8_t *out, size_t at, const char *name, unsigned mode,
				   const void *data, size_t size)
{
	size_t name_size = strlen(name) + 1, end = at + CPIO_HEADER + name_size;

	/* magic, ino, mode, uid, gid, nlink, mtime, filesize, devmajor, devminor, rdevmajor,
	 * rdevminor, namesize, check */
	snprintf((char *)out + at, CPIO_HEADER + 1,
		 "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x", 1u, mode, 0u, 0u, 1u,
		 0u, (unsigned)size, 0u, 0u, 0u, 0u, (unsigned)name_size, 0u);
	memcpy(out + at + CPIO_HEADER, name, name_size);
	for (; end % 4; end++)
		out[end] = 0;
	if (size)
		memcpy(out + end, data, size);
	for (end += size; end % 4; end++)
		out[end] = 0;
	return end;
}

static inline size_t sample_trailer(uint8_t *out, size_t at)
{
	return sample_member(out, at, "TRAILER!!!", 0, NULL, 0);
}

/* A directory and a file of five bytes; at most 512 bytes. */
static inline size_t sample_archive(uint8_t *out)
{
	size_t at = sample_member(out, 0, "etc", 040755, NULL, 0);

	at = sample_member(out, at, "etc/motd", 0100644, "hello", 5);
	return sample_trailer(out, at);
}

#endif
