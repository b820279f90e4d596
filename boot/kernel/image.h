/* Kernel and initrd files: recognised by content, parsed without side effects, then put into guest
 * memory. A file is untrusted: every offset and size in it is checked before use. */
#ifndef MAYFLY_IMAGE_H
#define MAYFLY_IMAGE_H

#include "base/bytes.h"
#include "base/ram.h"
#include "base/report.h"

#define IMAGE_SEGMENTS_MAX 16

enum image_format {
	IMAGE_PVH,     /* x86-64 ELF with a PVH note: 32-bit entry */
	IMAGE_BZIMAGE, /* Linux/x86 boot protocol: 64-bit entry */
	IMAGE_ARM64,   /* Linux/arm64 boot protocol */
};

/* The machine that a kernel is for. */
enum image_machine { IMAGE_FOR_X86_64, IMAGE_FOR_ARM64 };

struct image_segment {
	uint64_t file_offset;
	uint64_t file_size;
	uint64_t address;     /* guest-physical */
	uint64_t memory_size; /* >= file_size; the rest is zero */
};

/* A kernel that can be loaded: every segment lies inside the file and inside guest memory. */
struct image {
	enum image_format format;
	uint64_t entry;
	uint64_t end;         /* end of the kernel's memory, until it reads the memory map */
	uint64_t initrd_max;  /* the last byte an initrd may occupy */
	uint32_t cmdline_max; /* bytes, the final NUL not counted */
	uint32_t page_size;   /* arm64: bytes per page, for the CPU to support; 0: unknown */
	unsigned segment_count;
	struct image_segment segment[IMAGE_SEGMENTS_MAX];
	struct bytes setup_header; /* bzImage: the setup header, at 0x1f1 of the file */
};

/* Where a kernel may be put: [start, end) is free memory of MACHINE. */
struct image_space {
	uint64_t start, end;
	enum image_machine machine;
};

/* Recognises and parses a kernel for SPACE's machine. FILE must outlive IMAGE. On false, PROBLEM
 * says what is wrong with the file ("is …"), for the caller to put the file's name before. */
bool image_parse(struct bytes file, struct image_space space, struct image *image,
		 struct problem *problem);

/* PVH: Xen's "PVH boot ABI" (pvh.pandoc), ELF note XEN_ELFNOTE_PHYS32_ENTRY (18). FILE starts
 * with the ELF magic. */
bool pvh_parse(struct bytes file, struct image_space space, struct image *image,
	       struct problem *problem);

/* Finds the entry in the first such note. False if there is none. FILE starts with the ELF
 * magic. */
bool pvh_find_entry(struct bytes file, uint64_t *entry);

/* bzImage: Documentation/arch/x86/boot.rst, protocol 2.12 or newer with a 64-bit entry. FILE holds
 * "HdrS" at 0x202. */
bool bzimage_parse(struct bytes file, struct image_space space, struct image *image,
		   struct problem *problem);

/* Image: Documentation/arch/arm64/booting.rst. FILE holds "ARM\x64" at 56. SPACE's start is 2 MiB
 * aligned. */
bool arm64_image_parse(struct bytes file, struct image_space space, struct image *image,
		       struct problem *problem);

/* Puts bytes into guest memory: ram_write, or ram_place for bytes in a mapping of a file. */
typedef bool image_put(const struct ram *ram, gpa_t to, const void *from, size_t size);

/* Puts the segments of a parsed image into guest memory. The gaps are zero because fresh guest
 * memory is. */
bool image_load(struct bytes file, const struct image *image, const struct ram *ram,
		image_put *put);

/* True if FILE looks like an initramfs that the kernel can unpack: a complete newc cpio archive, or
 * compressed in one of the kernel's formats. */
bool initrd_check(struct bytes file, struct problem *problem);

#endif
