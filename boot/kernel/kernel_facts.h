/* What can be seen of a kernel file, whether mayfly boots it or not. */
#ifndef MAYFLY_KERNEL_FACTS_H
#define MAYFLY_KERNEL_FACTS_H

#include "kernel/image.h"

enum kernel_format { KERNEL_STRANGE, KERNEL_ELF, KERNEL_BZIMAGE, KERNEL_IMAGE };

#define KERNEL_VERSION_SIZE 65 /* with the NUL: Linux's __NEW_UTS_LEN + 1 */

struct kernel_facts {
	enum kernel_format format;
	const char *architecture;          /* its name; NULL: not known */
	bool has_machine;                  /* it is a kernel for MACHINE, which mayfly knows */
	enum image_machine machine;        /* IMAGE_FOR_X86_64 if not */
	char version[KERNEL_VERSION_SIZE]; /* like "6.12.1-mayfly": printable; "": not found */
	bool pvh;                          /* ELF: there is a PVH note */
	unsigned elf_machine;              /* ELF: e_machine */
	unsigned protocol;                 /* bzImage: the boot protocol, 0xMMmm */
	bool entry_64;                     /* bzImage: there is a 64-bit entry */
	bool relocatable;                  /* bzImage */
	bool has_config; /* its configuration is in it (CONFIG_IKCONFIG), compressed */
};

/* Looks at FILE, which may be anything. */
void kernel_facts_read(struct bytes file, struct kernel_facts *facts);

/* Parses FILE as a kernel for MACHINE, with as much memory as a guest has in one piece, and says
 * with how many MiB mayfly's guest could hold it. */
bool kernel_fits(struct bytes file, enum image_machine machine, struct image *image, unsigned *mib,
		 struct problem *problem);

/* "x86-64" or "arm64". */
const char *kernel_machine_name(enum image_machine machine);

#endif
