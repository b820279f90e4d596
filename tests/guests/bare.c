/* A guest without an operating system: it does what "test=NAME" on its command line says and ends with
 * a number. It needs no more of a KVM than port I/O, so it runs where no Linux can. */
#include "bare.h"

#define COM1 0x3f8
#define COM2 0x2f8
#define LSR_READY 0x01
#define POWER 0x600

struct start_info {
	uint32_t magic, version, flags, modules;
	uint64_t module_list, cmdline, rsdp, memmap;
	uint32_t memmap_entries, reserved;
};

struct memmap_entry {
	uint64_t address, size;
	uint32_t type, reserved;
};

static const struct start_info *info;
static const char *cmdline;

static inline void out8(uint16_t port, uint8_t value)
{
	__asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}

static inline uint8_t in8(uint16_t port)
{
	uint8_t value;

	__asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
	return value;
}

static inline uint32_t in32(uint16_t port)
{
	uint32_t value;

	__asm__ volatile("inl %1, %0" : "=a"(value) : "Nd"(port));
	return value;
}

void say(const char *text)
{
	while (*text)
		out8(COM1, (uint8_t)*text++);
}

_Noreturn void halt(void)
{
	for (;;)
		__asm__ volatile("cli; hlt");
}

/* --- the channel, without a window --- */

static void frame(uint8_t type, const void *payload, unsigned size)
{
	const uint8_t *bytes = payload;

	out8(COM2, type);
	out8(COM2, (uint8_t)size);
	out8(COM2, (uint8_t)(size >> 8));
	while (size--)
		out8(COM2, *bytes++);
}

static uint8_t receive(void)
{
	while (!(in8(COM2 + 5) & LSR_READY))
		;
	return in8(COM2);
}

void ready(void)
{
	out8(COM2 + 4, 0x03); /* DTR, RTS: we listen */
	frame(1, "\2", 1);
}

/* DATA has room for the largest frame. Returns its type. */
static uint8_t receive_frame(uint8_t *data, unsigned *size)
{
	uint8_t type = receive();

	*size = receive();
	*size |= (unsigned)receive() << 8;
	for (unsigned i = 0; i < *size; i++)
		data[i] = receive();
	return type;
}

/* Waits for the host's TAKEN. */
static void taken(void)
{
	while (receive() != 6)
		;
	receive();
	receive();
}

_Noreturn void end(uint8_t kind, uint8_t value)
{
	uint8_t payload[2] = {kind, value};

	frame(8, payload, 2);
	halt();
}

/* --- the tests --- */

unsigned number_after(const char *key)
{
	unsigned value = 0;

	for (const char *p = cmdline; *p; p++) {
		const char *k = key, *q = p;

		while (*k && *k == *q)
			k++, q++;
		if (*k)
			continue;
		while (*q >= '0' && *q <= '9')
			value = value * 10 + (unsigned)(*q++ - '0');
		return value;
	}
	return 0;
}

static void power_off(void)
{
	out8(POWER + 1, 5 << 2 | 0x20);
}

static void test_hello(void)
{
	say("hello, world\n");
	power_off();
}

/* One byte, then sleep: it must not wait anywhere. */
static void test_onebyte(void)
{
	out8(COM1, '!');
}

/* What is typed comes back; '.' ends it. */
static void test_echo(void)
{
	uint8_t byte;

	out8(COM1 + 4, 0x03);
	if (number_after("greet="))
		say("listening\n");
	do {
		while (!(in8(COM1 + 5) & LSR_READY))
			;
		byte = in8(COM1);
		out8(COM1, byte);
	} while (byte != '.');
	power_off();
}

static void test_poweroff(void)
{
	power_off();
}

static void test_acpireset(void)
{
	out8(POWER, 1);
}

static void test_kbdreset(void)
{
	out8(0x64, 0xfe);
}

static void test_panic(void)
{
	*(volatile uint16_t *)0x472 = 0x1234;
	out8(0x64, 0xfe);
}

static void test_triplefault(void)
{
	struct {
		uint16_t limit;
		uint64_t base;
	} __attribute__((packed)) none = {0, 0};

	__asm__ volatile("lidt %0; ud2" : : "m"(none));
}

/* Jumps into a hole: nothing there can be fetched, or emulated. */
static void test_nowhere(void)
{
	((void (*)(void))0xd0000000)();
}

static void test_exit(void)
{
	ready();
	end(0, (uint8_t)number_after("code="));
}

static void test_killed(void)
{
	ready();
	end(1, (uint8_t)number_after("code="));
}

static void test_notstarted(void)
{
	ready();
	end(2, (uint8_t)number_after("code="));
}

static void test_output(void)
{
	ready();
	frame(4, "to stdout\n", 10);
	taken();
	frame(5, "to stderr\n", 10);
	taken();
	say("to the console\n");
	end(0, 0);
}

/* Copies stdin to stdout until it ends. */
static void test_cat(void)
{
	static uint8_t data[1024];

	ready();
	for (;;) {
		unsigned size;
		uint8_t type = receive_frame(data, &size);

		if (type == 3)
			end(0, 0);
		if (type != 2)
			continue;
		frame(4, data, size);
		taken();
		frame(6, data, 0);
	}
}

/* Fills every buffer between here and a pipe, then is off. */
static void test_big(void)
{
	for (unsigned i = 0; i < 73000; i++)
		out8(COM1, 'x');
	power_off();
}

/* Breaks the protocol. */
static void test_badframe(void)
{
	ready();
	frame((uint8_t)number_after("type="), "x", 1);
	halt();
}

static void test_impatient(void)
{
	ready();
	for (;;)
		frame(4, "x", 1);
}

/* A flood on the console that never ends. */
static void test_flood(void)
{
	for (;;)
		say("flood ");
}

static void test_sleep(void)
{
	say("asleep\n");
	halt();
}

static void test_spin(void)
{
	say("spinning\n");
	for (;;)
		;
}

/* Ports and addresses where nothing is read as zero. */
static void test_nothing(void)
{
	bool ok = in8(0x80) == 0 && in32(0xcfc) == 0 && *(volatile uint32_t *)0xd0000000 == 0 &&
		  *(volatile uint64_t *)0xe0000008 == 0;

	out8(0x80, 1);
	*(volatile uint32_t *)0xd0000000 = 1;
	ready();
	end(0, ok ? 0 : 1);
}

static bool is_writable(uint64_t address)
{
	volatile uint32_t *p = (volatile uint32_t *)address;
	uint32_t before = *p;

	*p = 0x5aa5c33c;
	bool same = *p == 0x5aa5c33c;
	*p = before;
	return same;
}

/* The map tells mib= MiB of RAM; both ends of each entry below 4 GiB are memory; what is outside is not. */
static void test_ram(void)
{
	const struct memmap_entry *map = (const struct memmap_entry *)info->memmap;
	uint64_t total = 0, low_end = 0;

	ready();
	for (uint32_t i = 0; i < info->memmap_entries; i++) {
		if (map[i].type != 1)
			continue;
		total += map[i].size;
		if (map[i].address >= 0x100000000)
			continue;
		low_end = map[i].address + map[i].size;
		if ((map[i].address && !is_writable(map[i].address)) || !is_writable(low_end - 4))
			end(0, 1);
	}
	/* 385 KiB of the first MiB are not RAM: from the EBDA on. */
	if (total != ((uint64_t)number_after("mib=") << 20) - 0x60400)
		end(0, 2);
	if (low_end != 0x100000000 && is_writable(low_end))
		end(0, 3);
	end(0, 0);
}

/* The tables where firmware's are looked for. */
static void test_tables(void)
{
	ready();
	if (*(const uint64_t *)info->rsdp != 0x2052545020445352) /* "RSD PTR " */
		end(0, 1);
	if (*(const uint32_t *)0xf0000 != 0x5f504d5f) /* "_MP_" */
		end(0, 2);
	if (info->magic != 0x336ec578 || info->version != 1)
		end(0, 3);
	end(0, 0);
}

uint64_t low_ram_end(void)
{
	const struct memmap_entry *map = (const struct memmap_entry *)info->memmap;
	uint64_t last = 0;

	for (uint32_t i = 0; i < info->memmap_entries; i++)
		if (map[i].type == 1 && map[i].address < 0x100000000)
			last = map[i].address + map[i].size;
	return last;
}

extern const uint8_t ap_start[], ap_end[], ap64_start[], ap64_end[];

/* INIT and SIPI to everybody else, who begin with a copy of FIRST to LAST at 0x2000. */
static void start_others(const uint8_t *first, const uint8_t *last)
{
	volatile uint32_t *lapic = (volatile uint32_t *)0xfee00000;
	uint8_t *trampoline = (uint8_t *)0x2000;

	while (first < last)
		*trampoline++ = *first++;
	lapic[0xf0 / 4] = 0x1ff;
	lapic[0x300 / 4] = 0xc4500; /* all but self, INIT */
	lapic[0x300 / 4] = 0xc4602; /* all but self, SIPI at 0x2000 */
}

void (*other_cpu_work)(void);

void start_other_cpu(void (*work)(void))
{
	other_cpu_work = work;
	start_others(ap64_start, ap64_end);
}

/* Each that comes counts itself. */
static void test_cpus(void)
{
	unsigned wanted = number_after("others=");
	volatile uint32_t *count = (volatile uint32_t *)(0x2000 + (ap_end - ap_start) - 4);

	ready();
	start_others(ap_start, ap_end);
	while (*count != wanted)
		__asm__ volatile("pause");
	end(0, (uint8_t)*count);
}

static const struct {
	const char *name;
	void (*run)(void);
} tests[] = {
	{"hello", test_hello},
	{"onebyte", test_onebyte},
	{"echo", test_echo},
	{"poweroff", test_poweroff},
	{"acpireset", test_acpireset},
	{"kbdreset", test_kbdreset},
	{"panic", test_panic},
	{"triplefault", test_triplefault},
	{"nowhere", test_nowhere},
	{"exit", test_exit},
	{"killed", test_killed},
	{"notstarted", test_notstarted},
	{"output", test_output},
	{"cat", test_cat},
	{"badframe", test_badframe},

	{"big", test_big},
	{"impatient", test_impatient},
	{"flood", test_flood},
	{"sleep", test_sleep},
	{"spin", test_spin},
	{"nothing", test_nothing},
	{"ram", test_ram},
	{"tables", test_tables},
	{"cpus", test_cpus},

	{"blkprobe", test_blkprobe},
	{"blkrw", test_blkrw},
	{"blkro", test_blkro},
	{"blkzero", test_blkzero},
	{"blkqueues", test_blkqueues},
	{"blkirq", test_blkirq},
	{"blkevents", test_blkevents},
	{"blkidle", test_blkidle},
	{"blkstorm", test_blkstorm},
	{"evil", test_evil},
	{"nettalk", test_nettalk},
	{"netevil", test_netevil},
	{"netstorm", test_netstorm},
};

bool is_asked_for(const char *key, const char *name)
{
	for (const char *p = cmdline; *p; p++) {
		const char *k = key, *n = name, *q = p;

		while (*k && *k == *q)
			k++, q++;
		if (*k)
			continue;
		while (*n && *n == *q)
			n++, q++;
		return !*n && (!*q || *q == ' ');
	}
	return false;
}

/* ARGUMENT is PVH's hvm_start_info or a bzImage's zero page, which has its command line at 0x228. */
void bare_main(uint64_t argument);
void bare_main(uint64_t argument)
{
	info = (const struct start_info *)argument;
	cmdline = (const char *)(info->magic == 0x336ec578 ? info->cmdline
							   : *(const uint32_t *)(argument + 0x228));
	for (unsigned i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
		if (is_asked_for("test=", tests[i].name))
			tests[i].run();
	halt();
}
