/* The global descriptor table that the boot protocols expect: flat code and data segments. */
#ifndef MAYFLY_GDT_H
#define MAYFLY_GDT_H

#include "base/ram.h"

/* Writes the entries at ADDRESS: selector 0x10 code, 0x18 data, 0x20 task. LONG_MODE makes the code
 * 64-bit. */
bool gdt_write(const struct ram *ram, uint64_t address, bool long_mode);

#endif
