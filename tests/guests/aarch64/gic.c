/* The first slot's interrupt, by a GICv3 (Arm IHI 0069) or a GICv2 (Arm IHI 0048), whichever the
 * device tree has. CPU 0 asks for it when something has come: no exception is taken. */
#include "bare.h"
#include "fdt.h"

#define INTID 48u

/* Registers of the distributor, of either. */
#define GICD_CTLR (IRQCHIP + 0x000)
#define GICD_IGROUPR (IRQCHIP + 0x080 + 4 * (INTID / 32))
#define GICD_ISENABLER (IRQCHIP + 0x100 + 4 * (INTID / 32))
#define GICD_IPRIORITYR (IRQCHIP + 0x400 + INTID)
#define GICD_ITARGETSR (IRQCHIP + 0x800 + INTID)
#define GICD_ICFGR (IRQCHIP + 0xc00 + 4 * (INTID / 16))
#define GICD_IROUTER (IRQCHIP + 0x6000 + 8 * INTID)

#define BIT_OF_32 (1u << INTID % 32)
#define EDGE (2u << 2 * (INTID % 16))

static bool is_v3;

/* --- GICv3: of each CPU, a redistributor and system registers --- */

#define GICR_WAKER (0x08200000ull + 0x14)
#define PROCESSOR_SLEEP 2u
#define CHILDREN_ASLEEP 4u

enum { ENABLE_GROUP_1 = 2, AFFINITY_ROUTING = 16 };

static void wake_redistributor(void)
{
	write32(GICR_WAKER, read32(GICR_WAKER) & ~PROCESSOR_SLEEP);
	while (read32(GICR_WAKER) & CHILDREN_ASLEEP)
		relax();
}

static void open_v3(void)
{
	wake_redistributor();
	write32(GICD_CTLR, AFFINITY_ROUTING | ENABLE_GROUP_1);
	write32(GICD_IGROUPR, BIT_OF_32);
	write64(GICD_IROUTER, 0);
	__asm__ volatile("msr icc_sre_el1, %0\n\tisb\n\t"
			 "msr icc_pmr_el1, %1\n\t"
			 "msr icc_igrpen1_el1, %0\n\tisb"
			 :
			 : "r"(1ull), "r"(0xffull)
			 : "memory");
}

static uint32_t acknowledge_v3(void)
{
	uint64_t id;

	__asm__ volatile("mrs %0, icc_iar1_el1\n\tdsb sy" : "=r"(id) : : "memory");
	return (uint32_t)id;
}

static void end_v3(uint32_t id)
{
	__asm__ volatile("msr icc_eoir1_el1, %0\n\tisb" : : "r"((uint64_t)id) : "memory");
}

/* --- GICv2: a CPU interface in memory --- */

#define GICC_CTLR 0x08010000ull
#define GICC_PMR (GICC_CTLR + 0x04)
#define GICC_IAR (GICC_CTLR + 0x0c)
#define GICC_EOIR (GICC_CTLR + 0x10)

static void open_v2(void)
{
	write8(GICD_ITARGETSR, 1); /* CPU 0 */
	write32(GICD_CTLR, 1);
	write32(GICC_PMR, 0xff);
	write32(GICC_CTLR, 1);
}

/* --- either --- */

void open_interrupt(void)
{
	is_v3 = fdt_is(fdt_find("/interrupt-controller", 0, "compatible"), "arm,gic-v3");
	if (is_v3)
		open_v3();
	else
		open_v2();
	write32(GICD_ICFGR, EDGE);
	write8(GICD_IPRIORITYR, 0);
	write32(GICD_ISENABLER, BIT_OF_32);
}

void sleep_until_interrupt(void)
{
	uint32_t id;

	do {
		__asm__ volatile("dsb sy\n\twfi" : : : "memory");
		id = is_v3 ? acknowledge_v3() : read32(GICC_IAR);
	} while (id != INTID);
	if (is_v3)
		end_v3(id);
	else
		write32(GICC_EOIR, id);
}
