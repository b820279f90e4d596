/* Facts about a kernel file, whether mayfly boots it or not. */
#ifndef MAYFLY_KERNEL_FACTS_H
#define MAYFLY_KERNEL_FACTS_H

#include "kernel/image.h"

enum kernel_format { KERNEL_STRANGE, KERNEL_ELF, KERNEL_BZIMAGE, KERNEL_IMAGE };

#define KERNEL_VERSION_SIZE 65 /* with the NUL: Linux's __NEW_UTS_LEN + 1 */

struct kernel_facts {
	enum kernel_format format;
	const char *architecture;          /* the architecture's name; NULL: unknown */
	bool has_machine;                  /* the kernel is for MACHINE, which mayfly knows */
	enum image_machine machine;        /* IMAGE_FOR_X86_64 if has_machine is false */
	char version[KERNEL_VERSION_SIZE]; /* like "6.12.1-mayfly": printable; "": not found */
	bool pvh;                          /* ELF: there is a PVH note */
	unsigned elf_machine;              /* ELF: e_machine */
	unsigned protocol;                 /* bzImage: the boot protocol, 0xMMmm */
	bool entry_64;                     /* bzImage: there is a 64-bit entry */
	bool relocatable;                  /* bzImage */
	bool has_config; /* the file has its configuration (CONFIG_IKCONFIG), compressed */
};

/* Reads the facts of FILE, which may be any file. */
void kernel_facts_read(struct bytes file, struct kernel_facts *facts);

/* Parses FILE as a kernel for MACHINE in the largest memory that a guest has in one piece. MIB is
 * the memory that a guest needs for the kernel. */
bool kernel_fits(struct bytes file, enum image_machine machine, struct image *image, unsigned *mib,
		 struct problem *problem);

/* "x86-64" or "arm64". */
const char *kernel_machine_name(enum image_machine machine);

#endif
