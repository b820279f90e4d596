/* Guest memory. Host pointers into guest memory live in ram.c only. All other code names
 * guest-physical addresses, which the compiler keeps apart from numbers and pointers. */
#ifndef MAYFLY_RAM_H
#define MAYFLY_RAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base/config.h"
#include "base/report.h"

/* A guest-physical address: a struct, so that no arithmetic or cast compiles by accident. */
typedef struct {
	uint64_t v;
} gpa_t;

#define GPA(value) ((gpa_t){(uint64_t)(value)})

#define RAM_RANGES_MAX 2 /* below and above the 32-bit hole */

struct ram_range {
	uint64_t base;   /* guest-physical, page aligned */
	uint64_t size;   /* bytes, page aligned; 0: the range is absent */
	void *host;      /* private to ram.c, except for ram_host() */
	uint64_t before; /* bytes of guard in front of HOST; another guard is behind */
};

struct ram {
	struct ram_range range[RAM_RANGES_MAX];
	bool large; /* it consists of huge pages */
};

/* Reserves SIZE bytes (page aligned) of zeroed guest memory: from address START up to HOLE_START,
 * and the rest from HOLE_END on. Pages cost nothing until touched. Core dumps and child processes
 * do not get the memory. False with PROBLEM set when the host refuses. */
bool ram_reserve(struct ram *ram, uint64_t size, uint64_t start, uint64_t hole_start,
		 uint64_t hole_end, struct problem *problem);

/* Chooses the size of the pages, before the memory has content. SETTING is the text of
 * /sys/kernel/mm/transparent_hugepage/enabled, NULL if there is no such file. False with PROBLEM
 * set if WANTED is HUGEPAGES_ON and the host has no huge pages. */
bool ram_choose_pages(struct ram *ram, enum hugepages wanted, const char *setting,
		      struct problem *problem);

/* Frees the memory. Needed by tests only: a VM ends with its process. */
void ram_release(struct ram *ram);

/* The host address of range INDEX, for KVM_SET_USER_MEMORY_REGION and nothing else. */
uint64_t ram_host(const struct ram *ram, unsigned index);

/* Copies LENGTH bytes between guest memory and BUFFER. All of them must lie in one range (an access
 * may end exactly at the range's end); if not, nothing is copied and the result is false. BUFFER is
 * a snapshot: the compiler cannot read guest memory a second time. */
bool ram_read(const struct ram *ram, gpa_t from, void *buffer, size_t length);
bool ram_write(const struct ram *ram, gpa_t to, const void *buffer, size_t length);

/* As ram_write, for a BUFFER in a private mapping of a file, before the guest runs. Whole pages are
 * mapped, not copied: all guests that get the same file share its pages with the page cache until
 * they write to them. BUFFER stays readable. With huge pages the bytes are copied: a guest that
 * reads a file through small pages loses more time than the copy takes. */
bool ram_place(const struct ram *ram, gpa_t to, const void *buffer, size_t length);

/* True if all LENGTH bytes from START on lie in one range. */
bool ram_holds(const struct ram *ram, gpa_t start, size_t length);

/* The same bytes as an iovec, only for system calls that move bulk data. The guest may change the
 * bytes at any time. */
bool ram_span(const struct ram *ram, gpa_t start, size_t length, struct iovec *span);

/* A ring's 16-bit index, which the guest's CPUs read and write at the same time: an access is never
 * torn. ADDRESS is even and in RAM (ram_holds); elsewhere a load gives 0 and a store is lost. A CPU
 * that sees a store also sees all writes before the store. Reads after a load see data at least as
 * new as the load. */
uint16_t ram_load16_acquire(const struct ram *ram, gpa_t address);
void ram_store16_release(const struct ram *ram, gpa_t address, uint16_t value);

#endif
