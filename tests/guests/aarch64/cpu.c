#include "cpu.h"

#include "bare.h"
#include "fdt.h"

#define STACK_SIZE 4096

extern const uint8_t other_cpu[];
extern void (*other_cpu_work)(void);

void (*other_cpu_work)(void);

int32_t psci(enum psci_function function, uint64_t a, uint64_t b, uint64_t c)
{
	register uint64_t x0 __asm__("x0") = function;
	register uint64_t x1 __asm__("x1") = a;
	register uint64_t x2 __asm__("x2") = b;
	register uint64_t x3 __asm__("x3") = c;

	__asm__ volatile("dsb sy\n\thvc #0"
			 : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3)
			 :
			 : "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13", "x14",
			   "x15", "x16", "x17", "memory");
	return (int32_t)x0;
}

uint64_t own_affinity(void)
{
	uint64_t mpidr;

	__asm__("mrs %0, mpidr_el1" : "=r"(mpidr));
	return mpidr & 0xff00ffffff;
}

bool cpu_affinity(unsigned index, uint64_t *affinity)
{
	struct fdt_value reg = fdt_find("/cpus/cpu", index, "reg");

	*affinity = fdt_u32(reg, 0);
	return reg.size == 4;
}

int32_t cpu_start(uint64_t affinity, unsigned number, void (*work)(void))
{
	static _Alignas(16) uint8_t stacks[CPUS_MAX][STACK_SIZE];

	other_cpu_work = work;
	return psci(PSCI_CPU_ON, affinity, (uint64_t)other_cpu,
		    (uint64_t)stacks[number] + STACK_SIZE);
}

void start_other_cpus(void (*work)(void))
{
	uint64_t affinity;

	for (unsigned i = 0; i < CPUS_MAX && cpu_affinity(i, &affinity); i++)
		if (affinity != own_affinity())
			cpu_start(affinity, i, work);
}
