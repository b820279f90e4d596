/* Page tables that map the first 4 GiB one to one in pages of 2 MiB, for the 64-bit entry of the
 * Linux/x86 boot protocol. */
#ifndef MAYFLY_PAGE_TABLES_H
#define MAYFLY_PAGE_TABLES_H

#include "base/ram.h"

#define PAGE_TABLES_SIZE 0x6000 /* one PML4, one PDPT, four page directories */

/* Writes the tables at ADDRESS (page aligned). The PML4 comes first. */
bool page_tables_write(const struct ram *ram, uint64_t address);

#endif
