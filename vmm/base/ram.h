/* Guest memory. Host pointers into it live in ram.c alone; everybody else names guest-physical
 * addresses, which the compiler keeps apart from numbers and pointers. */
#ifndef MAYFLY_RAM_H
#define MAYFLY_RAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base/config.h"
#include "base/report.h"

/* A guest-physical address. A struct, so that no arithmetic or cast compiles by accident. */
typedef struct {
	uint64_t v;
} gpa_t;

#define GPA(value) ((gpa_t){(uint64_t)(value)})

#define RAM_RANGES_MAX 2 /* below and above the 32-bit hole */

struct ram_range {
	uint64_t base;   /* guest-physical, page aligned */
	uint64_t size;   /* bytes, page aligned; 0: the range is absent */
	void *host;      /* private to ram.c, but for ram_host() */
	uint64_t before; /* bytes that nobody may touch, in front of HOST, as behind it */
};

struct ram {
	struct ram_range range[RAM_RANGES_MAX];
	bool large; /* it is made of large pages */
};

/* Reserves SIZE bytes (page aligned) of zeroed guest memory: from address START up to HOLE_START
 * and, if that is not enough, on from HOLE_END. Pages cost nothing until touched. The memory is
 * left out of core dumps and children. False with PROBLEM set when the host refuses. */
bool ram_reserve(struct ram *ram, uint64_t size, uint64_t start, uint64_t hole_start,
		 uint64_t hole_end, struct problem *problem);

/* Before anything is in it. SETTING is the text of /sys/kernel/mm/transparent_hugepage/enabled,
 * NULL where there is none. False with PROBLEM set if HUGEPAGES_ON is WANTED and cannot be. */
bool ram_choose_pages(struct ram *ram, enum hugepages wanted, const char *setting,
		      struct problem *problem);

/* Gives the memory back. Needed by tests only: a VM ends with its process. */
void ram_release(struct ram *ram);

/* Host address of range INDEX, for KVM_SET_USER_MEMORY_REGION and for nothing else. */
uint64_t ram_host(const struct ram *ram, unsigned index);

/* Copies LENGTH bytes between guest memory and BUFFER. All of it must lie in one range (an access
 * that ends exactly at its end is legal); if not, nothing is copied and the answer is false.
 * What was read is a snapshot: the compiler cannot fetch it a second time. */
bool ram_read(const struct ram *ram, gpa_t from, void *buffer, size_t length);
bool ram_write(const struct ram *ram, gpa_t to, const void *buffer, size_t length);

/* As ram_write, before the guest runs, of what lies in a private mapping of a file: whole pages
 * are mapped, not copied, so that all guests that were given one file share them with the page
 * cache until they write. BUFFER stays readable. Large pages are filled: a guest that goes
 * through a file in small ones takes longer than the copy. */
bool ram_place(const struct ram *ram, gpa_t to, const void *buffer, size_t length);

/* True if all LENGTH bytes from START on lie in one range. */
bool ram_holds(const struct ram *ram, gpa_t start, size_t length);

/* The same bytes as an iovec, for a system call that moves bulk data, and for nothing else: what it
 * points to is the guest's and may change at any time. */
bool ram_span(const struct ram *ram, gpa_t start, size_t length, struct iovec *span);

/* A ring's 16-bit index, which the guest's CPUs write and read at the same time: whole, never torn.
 * ADDRESS is even and in RAM (ram_holds); elsewhere a load gives 0 and a store is lost. What was
 * written before the store is seen by whoever sees it; what is read after the load is no older. */
uint16_t ram_load16_acquire(const struct ram *ram, gpa_t address);
void ram_store16_release(const struct ram *ram, gpa_t address, uint16_t value);

#endif
