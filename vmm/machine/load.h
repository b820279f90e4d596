/* The steps of arch_load that are the same everywhere. */
#ifndef MAYFLY_LOAD_H
#define MAYFLY_LOAD_H

#include "kernel/image.h"
#include "machine/arch.h"

/* Puts the kernel at LOWEST or above, below the end of the first range of RAM. */
bool load_kernel(const struct boot_request *request, uint64_t lowest, const struct ram *ram,
		 struct image *image, struct problem *problem);

/* Puts the initrd and the job's segment behind it as high as the kernel takes them. */
bool load_initrd(const struct boot_request *request, const struct ram *ram,
		 const struct image *image, struct placed_initrd *initrd, struct problem *problem);

/* Adds the user's words; false if the kernel would cut the command line short. */
bool load_finish_cmdline(const struct boot_request *request, const struct image *image,
			 struct problem *problem);

#endif
