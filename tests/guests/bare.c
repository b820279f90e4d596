/* A guest without an operating system: it does what "test=NAME" on its command line says and
 * ends with a number. It needs little of a KVM, so it runs where no Linux can. */
#include <stdatomic.h>
#include <stddef.h>

#include "bare.h"

/* Registers of a 16550. */
enum { DATA = 0, LINE_CONTROL = 3, MODEM_CONTROL = 4, LINE_STATUS = 5 };

#define LISTENING 0x03 /* DTR, RTS */
#define LSR_READY 0x01

static const char *cmdline;

void say(const char *text)
{
	while (*text)
		uart_out(CONSOLE, DATA, (uint8_t)*text++);
}

static uint8_t receive(uint64_t uart)
{
	while (!(uart_in(uart, LINE_STATUS) & LSR_READY))
		;
	return uart_in(uart, DATA);
}

/* --- the channel, without a window --- */

static void frame(uint8_t type, const void *payload, unsigned size)
{
	const uint8_t *bytes = payload;

	uart_out(CHANNEL, DATA, type);
	uart_out(CHANNEL, DATA, (uint8_t)size);
	uart_out(CHANNEL, DATA, (uint8_t)(size >> 8));
	while (size--)
		uart_out(CHANNEL, DATA, *bytes++);
}

void ready(void)
{
	uart_out(CHANNEL, MODEM_CONTROL, LISTENING);
	frame(1, "\4", 1); /* CHANNEL_VERSION */
}

void listen_again(void)
{
	uart_out(CHANNEL, LINE_CONTROL, 0);
	uart_out(CHANNEL, MODEM_CONTROL, LISTENING);
}

/* DATA has room for the largest frame. Returns its type. */
static uint8_t receive_frame(uint8_t *data, unsigned *size)
{
	uint8_t type = receive(CHANNEL);

	*size = receive(CHANNEL);
	*size |= (unsigned)receive(CHANNEL) << 8;
	for (unsigned i = 0; i < *size; i++)
		data[i] = receive(CHANNEL);
	return type;
}

/* Waits for the host's TAKEN. */
static void taken(void)
{
	while (receive(CHANNEL) != 6)
		;
	receive(CHANNEL);
	receive(CHANNEL);
}

_Noreturn void end(uint8_t kind, uint8_t value)
{
	uint8_t payload[2] = {kind, value};

	frame(8, payload, 2);
	halt();
}

void expect(bool condition, uint8_t number)
{
	if (!condition)
		end(0, number);
}

/* --- the command line --- */

/* What follows KEY, at the beginning of a word, or NULL. */
static const char *after(const char *key)
{
	for (const char *p = cmdline; *p; p++) {
		const char *k = key, *q = p;

		if (p != cmdline && p[-1] != ' ')
			continue;
		while (*k && *k == *q)
			k++, q++;
		if (!*k)
			return q;
	}
	return NULL;
}

unsigned number_after(const char *key)
{
	const char *digits = after(key);
	unsigned value = 0;

	while (digits && *digits >= '0' && *digits <= '9')
		value = value * 10 + (unsigned)(*digits++ - '0');
	return value;
}

bool is_asked_for(const char *key, const char *name)
{
	const char *word = after(key);

	if (!word)
		return false;
	while (*name && *name == *word)
		name++, word++;
	return !*name && (!*word || *word == ' ');
}

/* --- the tests --- */

static void test_hello(void)
{
	say("hello, world\n");
	power_off();
}

/* One byte, then sleep: it must not wait anywhere. */
static void test_onebyte(void)
{
	uart_out(CONSOLE, DATA, '!');
}

/* What is typed comes back; '.' ends it. */
static void test_echo(void)
{
	uint8_t byte;

	uart_out(CONSOLE, MODEM_CONTROL, LISTENING);
	if (number_after("greet="))
		say("listening\n");
	do {
		byte = receive(CONSOLE);
		uart_out(CONSOLE, DATA, byte);
	} while (byte != '.');
	power_off();
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

/* Less than mayfly holds back, then is off. */
static void test_big(void)
{
	for (unsigned i = 0; i < 3000; i++)
		uart_out(CONSOLE, DATA, 'x');
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

/* What is not there is read as zero; the second slot is empty, too. */
static void test_nothing(void)
{
	ready();
	expect(read8(NOWHERE) == 0 && read16(NOWHERE) == 0, 1);
	expect(read32(NOWHERE) == 0 && read64(NOWHERE) == 0, 2);
	expect(read64(VIRTIO + 8) == 0, 3);
	write8(NOWHERE, 1);
	write16(NOWHERE, 1);
	write32(NOWHERE, 1);
	write64(NOWHERE, 1);
	expect(read64(NOWHERE) == 0, 4);
	expect(is_nothing_else(), 5);
	end(0, 0);
}

static bool is_writable(uint64_t address)
{
	uint32_t before = read32(address);

	write32(address, 0x5aa5c33c);
	bool same = read32(address) == 0x5aa5c33c;
	write32(address, before);
	return same;
}

uint64_t ram_end(void)
{
	struct range map[RAM_MAP_MAX];
	unsigned count = ram_map(map);
	uint64_t last = 0;

	for (unsigned i = 0; i < count; i++)
		if (map[i].address < MAPPED_END)
			last = map[i].address + map[i].size;
	return last;
}

/* The map tells mib= MiB of RAM; both ends of each range are memory, where they can be touched;
 * what follows is not. */
static void test_ram(void)
{
	struct range map[RAM_MAP_MAX];
	unsigned count = ram_map(map);
	uint64_t total = 0;

	ready();
	for (unsigned i = 0; i < count; i++) {
		total += map[i].size;
		if (map[i].address >= MAPPED_END)
			continue;
		expect(is_writable(map[i].address), 1);
		expect(is_writable(map[i].address + map[i].size - 4), 1);
	}
	expect(total == ((uint64_t)number_after("mib=") << 20) - UNTOLD_RAM, 2);
	expect(!is_writable(ram_end()), 3);
	end(0, 0);
}

static atomic_uint cpus;

static void count_cpu(void)
{
	cpus++;
}

/* Each that comes counts itself. */
static void test_cpus(void)
{
	ready();
	start_other_cpus(count_cpu);
	while (cpus != number_after("others="))
		relax();
	end(0, (uint8_t)cpus);
}

static const struct test tests[] = {
	{"hello", test_hello},
	{"onebyte", test_onebyte},
	{"echo", test_echo},
	{"poweroff", power_off},
	{"panic", panic_reset},
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
	{"machinefuzz", test_machinefuzz},
	{"nettalk", test_nettalk},
	{"netevil", test_netevil},
	{"netstorm", test_netstorm},
	{"rules", test_rules},
	{"attack", test_attack},
	{NULL, NULL},
};

static void run_asked_for(const struct test *test)
{
	for (; test->name; test++)
		if (is_asked_for("test=", test->name))
			test->run();
}

void bare_main(uint64_t argument);
void bare_main(uint64_t argument)
{
	cmdline = machine_begin(argument);
	run_asked_for(tests);
	run_asked_for(arch_tests);
	halt();
}
