/* The system call entry for 32-bit programs. (x32 uses the usual entry, with other numbers.) */
#include "commands/selftest.h"

static void enter_by_interrupt(void)
{
	long result = 20; /* getpid in the 32-bit table */

	__asm__ volatile("int $0x80" : "+a"(result) : : "memory", "r8", "r9", "r10", "r11");
}

/* Linux 6.14 and 6.18 added calls that no filter may kill, because the kernel puts them into a
 * probed program (uprobes; perf probe). Elsewhere they end with SIGILL or an error, and do
 * nothing. */
const struct exemption arch_exemptions[] = {{"uretprobe", 335}, {"uprobe", 336}, {0}};

const struct entry arch_entries[] = {{"int 0x80", enter_by_interrupt}, {0}};
