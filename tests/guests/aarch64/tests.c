/* What only an aarch64 guest can be asked. */
#include <stdatomic.h>

#include "bare.h"
#include "cpu.h"
#include "fdt.h"

/* Registers that are not there, of devices that are, and the first byte of all. */
bool is_nothing_else(void)
{
	write32(CONSOLE + 8, 1);
	write32(CHANNEL + 0xff8, 1);
	return read32(CONSOLE + 8) == 0 && read32(CHANNEL + 0xff8) == 0 && read8(0) == 0;
}

static void test_reset(void)
{
	psci(PSCI_SYSTEM_RESET, 0, 0, 0);
}

/* Accesses to where no RAM is that do not tell a hypervisor what they do; kind= says which, and
 * where. */
static void test_badmmio(void)
{
	uint64_t address = NOWHERE;

	switch (number_after("kind=")) {
	case 0:
		__asm__ volatile("ldp w0, w1, [%0]" : : "r"(VIRTIO) : "x0", "x1");
		break;
	case 1:
		__asm__ volatile("stp wzr, wzr, [%0]" : : "r"(CONSOLE));
		break;
	case 2:
		__asm__ volatile("ldr w0, [%0], #4" : "+r"(address) : : "x0");
		break;
	default:
		__asm__ volatile("ldp x0, x1, [%0]" : : "r"(ram_end()) : "x0", "x1");
	}
	say("still there\n");
}

/* --- the device tree --- */

static void check_header(void)
{
	expect((uint64_t)fdt == RAM, 1);
	expect(fdt->magic == __builtin_bswap32(0xd00dfeed), 2);
	expect(fdt->version == __builtin_bswap32(17), 3);
	expect(fdt->last_comp_version == __builtin_bswap32(16), 4);
	expect(__builtin_bswap32(fdt->totalsize) <= 0x200000, 5);
	expect(fdt_u32(fdt_find("/", 0, "#address-cells"), 0) == 2, 6);
	expect(fdt_u32(fdt_find("/", 0, "#size-cells"), 0) == 2, 7);
	expect(fdt_is(fdt_find("/memory", 0, "device_type"), "memory"), 8);
}

static unsigned count_cpus(void)
{
	unsigned count = 0;
	uint64_t affinity;

	while (cpu_affinity(count, &affinity))
		count++;
	return count;
}

#define GIC "/interrupt-controller"

/* What gic.c takes for granted. */
static void check_gic(void)
{
	struct fdt_value compatible = fdt_find(GIC, 0, "compatible"), reg = fdt_find(GIC, 0, "reg");
	bool is_v3 = fdt_is(compatible, "arm,gic-v3");

	expect(is_v3 || fdt_is(compatible, "arm,cortex-a15-gic"), 10);
	expect(fdt_u64(reg, 0) == IRQCHIP && fdt_u64(reg, 8) == (is_v3 ? 0x10000 : 0x1000), 11);
	expect(fdt_u64(reg, 16) == (is_v3 ? 0x08200000 : 0x08010000), 12);
	expect(fdt_u64(reg, 24) >= (is_v3 ? count_cpus() * 0x20000ull : 0x2000), 13);
	expect(fdt_find(GIC, 0, "interrupt-controller").bytes, 14);
	expect(fdt_u32(fdt_find(GIC, 0, "#interrupt-cells"), 0) == 3, 15);
	uint32_t phandle = fdt_u32(fdt_find(GIC, 0, "phandle"), 0);
	expect(phandle && fdt_u32(fdt_find("/", 0, "interrupt-parent"), 0) == phandle, 16);
}

/* The INDEXth node at PATH: a device at ADDRESS with a shared interrupt, which comes with an
 * edge. */
static void check_device(const char *path, unsigned index, uint64_t address, uint32_t spi,
			 uint8_t number)
{
	struct fdt_value interrupts = fdt_find(path, index, "interrupts");

	expect(fdt_u64(fdt_find(path, index, "reg"), 0) == address, number);
	expect(interrupts.size == 12 && fdt_u32(interrupts, 0) == 0, number);
	expect(fdt_u32(interrupts, 4) == spi && fdt_u32(interrupts, 8) == 1, number);
}

static void check_devices(void)
{
	check_device("/serial", 0, CONSOLE, 0, 20);
	check_device("/serial", 1, CHANNEL, 1, 21);
	expect(fdt_is(fdt_find("/serial", 0, "compatible"), "ns16550a"), 22);
	for (uint32_t i = 0; fdt_find("/virtio_mmio", i, "reg").bytes; i++)
		check_device("/virtio_mmio", i, VIRTIO + 0x1000 * i, 16 + i, 23);
	expect(fdt_is(fdt_find("/timer", 0, "compatible"), "arm,armv8-timer"), 24);
	expect(fdt_find("/timer", 0, "interrupts").size == 4 * 12, 25);
}

/* 16 a cluster, and this is the first; as many as cpus= says. */
static void check_cpus(void)
{
	unsigned count = count_cpus();
	uint64_t affinity;

	for (unsigned i = 0; i < count; i++) {
		expect(cpu_affinity(i, &affinity), 30);
		expect(affinity == ((i & 15) | i >> 4 << 8), 31);
		expect(fdt_is(fdt_find("/cpus/cpu", i, "enable-method"), "psci"), 32);
	}
	expect(count && (!number_after("cpus=") || number_after("cpus=") == count), 33);
	expect(own_affinity() == 0, 34);
	expect(fdt_is(fdt_find("/psci", 0, "compatible"), "arm,psci-0.2"), 35);
	expect(fdt_is(fdt_find("/psci", 0, "method"), "hvc"), 36);
}

static void test_tables(void)
{
	ready();
	check_header();
	check_gic();
	check_devices();
	check_cpus();
	end(0, 0);
}

/* The time of day is now=, or up to a minute later. */
static void test_clock(void)
{
	const uint64_t clock = 0x09002000;
	uint32_t first = read32(clock);

	ready();
	expect(first - number_after("now=") < 60, 1);
	write32(clock + 8, 1); /* what would set it */
	expect(read32(clock) - first < 60, 2);
	expect(read32(clock + 0xff0) == 0x0d && read32(clock + 0xffc) == 0xb1, 3); /* PrimeCell */
	end(0, 0);
}

/* --- PSCI --- */

static atomic_uint arrivals;

static void come_and_go(void)
{
	arrivals++;
	psci(PSCI_CPU_OFF, 0, 0, 0);
}

static void come_and_stay(void)
{
	arrivals++;
}

static void await_arrival(unsigned number)
{
	while (arrivals != number)
		relax();
}

static int32_t state_of(uint64_t affinity)
{
	return psci(PSCI_AFFINITY_INFO, affinity, 0, 0);
}

#define NO_CPU 0x0f0f00 /* where there is none */

static void check_calls(void)
{
	expect(psci(PSCI_VERSION, 0, 0, 0) >= 2, 1); /* 0.2 */
	expect(psci((enum psci_function)0x840000ff, 0, 0, 0) == PSCI_NOT_SUPPORTED, 2);
	expect(state_of(own_affinity()) == PSCI_ON, 3);
	expect(state_of(NO_CPU) == PSCI_INVALID_PARAMETERS, 4);
	expect(cpu_start(own_affinity(), 0, come_and_stay) == PSCI_ALREADY_ON, 5);
	expect(cpu_start(NO_CPU, 0, come_and_stay) == PSCI_INVALID_PARAMETERS, 6);
}

/* The second CPU is started, switches itself off, and is started again. -c 2 */
static void check_second(uint64_t other)
{
	expect(state_of(other) == PSCI_OFF, 10);
	expect(cpu_start(other, 1, come_and_go) == PSCI_SUCCESS, 11);
	await_arrival(1);
	while (state_of(other) != PSCI_OFF)
		relax();
	expect(cpu_start(other, 1, come_and_stay) == PSCI_SUCCESS, 12);
	await_arrival(2);
	expect(state_of(other) == PSCI_ON, 13);
	expect(cpu_start(other, 1, come_and_go) == PSCI_ALREADY_ON, 14);
}

static void test_psci(void)
{
	uint64_t other;

	ready();
	check_calls();
	expect(cpu_affinity(1, &other), 9);
	check_second(other);
	end(0, 0);
}

const struct test arch_tests[] = {
	{"reset", test_reset},     /* a cold one */
	{"badmmio", test_badmmio}, /* kind=N */
	{"tables", test_tables},   /* cpus=N */
	{"clock", test_clock},     /* now=N */
	{"psci", test_psci},       /* with two CPUs or more */
	{NULL, NULL},
};
