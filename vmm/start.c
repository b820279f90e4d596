#include "start.h"

#include <elf.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#ifndef DT_RELR /* in the generic ABI; older headers lack it */
#define DT_RELRSZ 35
#define DT_RELR 36
#endif

extern const Elf64_Ehdr __ehdr_start __attribute__((visibility("hidden")));

/* Called by start.S with the program's address and its dynamic section, before anything else runs.
 * Must not call another function. */
void start_relocate(char *base, Elf64_Dyn *dynamic);

/* Applies the packed relative relocations (DT_RELR): an address, then bitmaps of the 63 words after
 * it. They take a twentieth of the usual relocations' room. musl 1.2.3 does not know them. */
__attribute__((optimize("no-stack-protector"), used)) void start_relocate(char *base,
									  Elf64_Dyn *dynamic)
{
	const uint64_t *entry = NULL, *end;
	uint64_t size = 0, *where = NULL;

	for (; dynamic->d_tag != DT_NULL; dynamic++) {
		if (dynamic->d_tag == DT_RELR)
			entry = (const uint64_t *)(void *)(base + dynamic->d_un.d_ptr);
		if (dynamic->d_tag == DT_RELRSZ) {
			size = dynamic->d_un.d_val;
			dynamic->d_un.d_val = 0; /* otherwise musl 1.2.4 would apply them again */
		}
	}
	for (end = entry + size / sizeof(*entry); entry < end; entry++) {
		if ((*entry & 1) == 0) {
			where = (uint64_t *)(void *)(base + *entry);
			*where++ += (uint64_t)base;
			continue;
		}
		for (unsigned bit = 1; bit < 64; bit++)
			if (*entry >> bit & 1)
				where[bit - 1] += (uint64_t)base;
		where += 63;
	}
}

bool start_protect(void)
{
	const char *base = (const char *)&__ehdr_start;
	const Elf64_Phdr *header = (const Elf64_Phdr *)(const void *)(base + __ehdr_start.e_phoff);
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);

	for (unsigned i = 0; i < __ehdr_start.e_phnum; i++) {
		uintptr_t begin = ((uintptr_t)base + header[i].p_vaddr) & -page;
		uintptr_t end = (uintptr_t)base + header[i].p_vaddr + header[i].p_memsz;

		/* Includes the last page: writable data begins on a page of its own, whatever the
		 * page size (lld). */
		if (header[i].p_type == PT_GNU_RELRO)
			return mprotect((void *)begin, ((end + page - 1) & -page) - begin,
					PROT_READ) == 0;
	}
	return true;
}
