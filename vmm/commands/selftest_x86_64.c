/* The door for programs of 32 bits. (That of x32 is the usual one, with other numbers.) */
#include "commands/selftest.h"

static void enter_by_interrupt(void)
{
	long result = 20; /* getpid, there */

	__asm__ volatile("int $0x80" : "+a"(result) : : "memory", "r8", "r9", "r10", "r11");
}

/* What the kernel puts into a program that is probed (uprobes; perf probe) may not be killed by
 * its filter: Linux 6.14 and 6.18. Elsewhere they end with SIGILL or an error, and do nothing. */
const struct exemption arch_exemptions[] = {{"uretprobe", 335}, {"uprobe", 336}, {0}};

const struct entry arch_entries[] = {{"int 0x80", enter_by_interrupt}, {0}};
