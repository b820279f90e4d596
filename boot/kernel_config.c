#include "kernel_config.h"

#include <string.h>

/* --- the text --- */

#define PREFIX "CONFIG_"
#define PREFIX_SIZE (sizeof(PREFIX) - 1)

/* Cuts the next line off TEXT, without its end and the blanks before that. */
static bool take_line(struct bytes *text, struct bytes *line)
{
	const uint8_t *end;

	if (text->size == 0)
		return false;
	end = memchr(text->data, '\n', text->size);
	*line = (struct bytes){text->data, end ? (size_t)(end - text->data) : text->size};
	size_t taken = line->size + (end != NULL);
	*text = (struct bytes){text->data + taken, text->size - taken};
	while (line->size && strchr(" \t\r", line->data[line->size - 1]) &&
	       line->data[line->size - 1])
		line->size--;
	return true;
}

/* Takes WORD off LINE's beginning, if it is there. */
static bool take_word(struct bytes *line, const char *word, size_t length)
{
	if (line->size < length || memcmp(line->data, word, length) != 0)
		return false;
	*line = (struct bytes){line->data + length, line->size - length};
	return true;
}

static bool is(struct bytes line, const char *word)
{
	return line.size == strlen(word) && !memcmp(line.data, word, line.size);
}

/* What LINE sets the option NAME to; "# CONFIG_NAME is not set" sets it to nothing. */
static bool sets(struct bytes line, const char *name, struct bytes *value)
{
	bool comment = take_word(&line, "# ", 2);

	if (!take_word(&line, PREFIX, PREFIX_SIZE) || !take_word(&line, name, strlen(name)))
		return false;
	*value = (struct bytes){0};
	if (comment)
		return is(line, " is not set");
	if (!take_word(&line, "=", 1))
		return false;
	*value = line;
	return true;
}

static struct bytes find(struct bytes text, const char *name)
{
	struct bytes line, value, last = {0};

	while (take_line(&text, &line))
		if (sets(line, name, &value))
			last = value;
	return last;
}

bool config_is(struct bytes text)
{
	struct bytes line;

	while (take_line(&text, &line)) {
		bool comment = take_word(&line, "# ", 2);

		if (take_word(&line, PREFIX, PREFIX_SIZE) && line.size &&
		    (comment || memchr(line.data, '=', line.size)))
			return true;
	}
	return false;
}

enum config_state config_state(struct bytes text, const char *name)
{
	struct bytes value = find(text, name);

	return is(value, "y") ? CONFIG_ON : is(value, "m") ? CONFIG_MODULE : CONFIG_OFF;
}

uint32_t config_number(struct bytes text, const char *name)
{
	struct bytes value = find(text, name);
	uint64_t number = 0;

	for (size_t i = 0; i < value.size; i++) {
		if (value.data[i] < '0' || value.data[i] > '9')
			return 0;
		number = number * 10 + (uint64_t)(value.data[i] - '0');
		if (number > UINT32_MAX)
			number = UINT32_MAX;
	}
	return (uint32_t)number;
}

/* --- what is needed --- */

enum {
	X86_64 = 1 << IMAGE_FOR_X86_64,
	ARM64 = 1 << IMAGE_FOR_ARM64,
	ALL = X86_64 | ARM64,
};

/* What Kconfig selects by itself is not here (arm64's GIC, timer and PSCI, for example). */
static const struct need needs[] = {
	{"X86_64", NEED_ALWAYS, X86_64, 0, "always: or this is no x86-64 kernel's configuration"},
	{"ARM64", NEED_ALWAYS, ARM64, 0, "always: or this is no arm64 kernel's configuration"},
	{"BINFMT_ELF", NEED_ALWAYS, ALL, 0, "always: programs"},
	{"TTY", NEED_ALWAYS, ALL, 0, "always: the console"},
	{"SERIAL_8250", NEED_ALWAYS, ALL, 0, "always: the console, and a command's channel"},
	{"SERIAL_8250_CONSOLE", NEED_ALWAYS, ALL, 0, "always: the console"},
	{"SERIAL_OF_PLATFORM", NEED_ALWAYS, ARM64, 0, "always: finds the UARTs"},
	/* With hardware-reduced ACPI there is no legacy PIC that would give them their old numbers. */
	{"SERIAL_8250_PNP|!ACPI", NEED_ALWAYS, X86_64, 0,
	 "always: the UARTs' interrupts, with ACPI"},
	/* rootfs/init.c lies in an initramfs, and rootfs/link.c speaks through ttyS1. */
	{"BLK_DEV_INITRD", NEED_ALWAYS, ALL, 0, "a command, and -i: the initial file system"},
	{"SIGNALFD", NEED_ALWAYS, ALL, 0, "a command: mayfly's init"},
	{"SERIAL_8250_NR_UARTS", NEED_ALWAYS, ALL, 2, "a command: its channel is the second UART"},
	{"SERIAL_8250_RUNTIME_UARTS", NEED_ALWAYS, ALL, 2,
	 "a command: its channel is the second UART; or -a 8250.nr_uarts=2"},

	{"VIRTIO_MMIO", NEED_FEATURE, ALL, 0, "disks and NICs: -d, -n"},
	{"ACPI|VIRTIO_MMIO_CMDLINE_DEVICES", NEED_FEATURE, X86_64, 0, "disks and NICs: finds them"},
	{"ACPI|X86_MPPARSE", NEED_FEATURE, X86_64, 0,
	 "more than one CPU: -c; the interrupts of disks and NICs"},
	{"VIRTIO_BLK", NEED_FEATURE, ALL, 0, "disks: -d"},
	{"VIRTIO_NET", NEED_FEATURE, ALL, 0, "NICs: -n"},
	{"INET", NEED_FEATURE, ALL, 0, "addresses: --ip"},
	{"UNIX98_PTYS", NEED_FEATURE, ALL, 0, "a command's terminal: -t"},

	{"PVH", NEED_ADVICE, X86_64, 0, "its vmlinux does not start without, its bzImage does"},
	{"KVM_GUEST", NEED_ADVICE, X86_64, 0,
	 "tells the TSC's rate: there is no PIT to measure it with"},
	{"ACPI", NEED_ADVICE, X86_64, 0, "power-off"},
	{"PCI|!ACPI", NEED_ADVICE, X86_64, 0, "ACPI of Linux 6.12 gives up without it"},
	{"RTC_DRV_PL031", NEED_ADVICE, ARM64, 0, "the time of day"},
	{"RTC_HCTOSYS", NEED_ADVICE, ARM64, 0, "the time of day"},
	{"DEVTMPFS", NEED_ADVICE, ALL, 0, "a command's /dev, if your initrd brings none"},
	{"PROC_FS", NEED_ADVICE, ALL, 0, "a command's /proc"},
	{"SYSFS", NEED_ADVICE, ALL, 0, "a command's /sys"},
	{"TMPFS", NEED_ADVICE, ALL, 0, "a command's /dev/shm"},
	{"PROC_PAGE_MONITOR", NEED_ADVICE, ALL, 0, "a command's streams are faster with it"},
	{"IPV6", NEED_ADVICE, ALL, 0, "--ip with IPv6"},
	{"EXT4_FS", NEED_ADVICE, ALL, 0, "disks with ext4"},
	{"SQUASHFS", NEED_ADVICE, ALL, 0, "disks with squashfs"},
	{"EROFS_FS", NEED_ADVICE, ALL, 0, "disks with EROFS"},
	{"OVERLAY_FS", NEED_ADVICE, ALL, 0, "to write over a root disk that is read-only"},
};

enum { NAME_MAX_SIZE = 48 };

/* Cuts the next of the alternatives off OPTIONS. */
static bool take_name(const char **options, char name[NAME_MAX_SIZE], bool *inverted)
{
	size_t length;

	if (!**options)
		return false;
	*options += **options == '|';
	*inverted = **options == '!';
	*options += *inverted;
	length = strcspn(*options, "|");
	memcpy(name, *options, length);
	name[length] = '\0';
	*options += length;
	return true;
}

static bool meets(struct bytes text, const struct need *need, bool *module)
{
	const char *options = need->options;
	char name[NAME_MAX_SIZE];
	bool inverted;

	*module = false;
	if (need->least)
		return config_number(text, options) >= need->least;
	while (take_name(&options, name, &inverted)) {
		enum config_state state = config_state(text, name);

		if (inverted ? state == CONFIG_OFF : state == CONFIG_ON)
			return true;
		*module = *module || (!inverted && state == CONFIG_MODULE);
	}
	return false;
}

bool config_next_gap(struct bytes text, enum image_machine machine, unsigned *at, struct gap *gap)
{
	while (*at < sizeof(needs) / sizeof(needs[0])) {
		gap->need = &needs[(*at)++];
		if (gap->need->machines & 1u << machine && !meets(text, gap->need, &gap->module))
			return true;
	}
	return false;
}

void config_describe(const struct gap *gap, struct problem *line)
{
	static const char *const module =
		"; it is a module, and mayfly's init loads none: build it in, or load it from your initrd";
	const struct need *need = gap->need;
	const char *options = need->options;
	char name[NAME_MAX_SIZE], names[4 * NAME_MAX_SIZE] = "";
	bool inverted;

	while (take_name(&options, name, &inverted)) {
		if (inverted)
			continue;
		strcat(names, *names ? " or " PREFIX : PREFIX);
		strcat(names, name);
	}
	if (need->least)
		problem_set(line, "%s>=%u (%s)", names, need->least, need->purpose);
	else
		problem_set(line, "%s (%s%s)", names, need->purpose, gap->module ? module : "");
}
