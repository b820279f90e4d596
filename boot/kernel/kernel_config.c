#include "kernel/kernel_config.h"

#include <string.h>

#include "base/text.h"

/* --- the text --- */

#define PREFIX "CONFIG_"
#define PREFIX_SIZE (sizeof(PREFIX) - 1)

/* Cuts the next line off TEXT, without blanks at its end. */
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

/* Takes WORD off the start of LINE, if it is there. */
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

/* True if LINE sets the option NAME; VALUE is its value. "# CONFIG_NAME is not set" gives an empty
 * value. */
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

/* --- needs --- */

/* Needs: weight, as in WEIGHTS; machine, 'x', 'a' or '*' for both; least, a digit; options;
 * purpose. One text, because each pointer in a table would cost a relocation. Options that Kconfig
 * selects by itself are left out (arm64's GIC, timer and PSCI, for example). */
static const char needs[] =
	"!x0X86_64\0always: an x86-64 kernel\0"
	"!a0ARM64\0always: an arm64 kernel\0"
	"!*0BINFMT_ELF\0always: programs\0"
	"!*0TTY\0always: the console\0"
	"!*0SERIAL_8250\0always: the console, and a command's channel\0"
	"!*0SERIAL_8250_CONSOLE\0always: the console\0"
	"!a0SERIAL_OF_PLATFORM\0always: finds the UARTs\0"
	/* Hardware-reduced ACPI has no legacy PIC that would give the UARTs their old interrupt
	 * numbers. */
	"!x0SERIAL_8250_PNP|!ACPI\0always: the UARTs' interrupts, with ACPI\0"
	/* rootfs/init.c is in an initramfs, and rootfs/link.c uses ttyS1. */
	"!*0BLK_DEV_INITRD\0a command; -i\0"
	"!*0SIGNALFD\0a command: mayfly's init\0"
	"!*2SERIAL_8250_NR_UARTS\0a command: the second UART\0"
	"!*2SERIAL_8250_RUNTIME_UARTS\0a command: the second UART; or -a 8250.nr_uarts=2\0"
	"-*0VIRTIO_MMIO\0disks and NICs: -d, -n\0"
	"-x0ACPI|VIRTIO_MMIO_CMDLINE_DEVICES\0disks and NICs: finds them\0"
	"-x0ACPI|X86_MPPARSE\0CPUs, disks and NICs: -c, -d, -n\0"
	"-*0VIRTIO_BLK\0disks: -d\0"
	"-*0VIRTIO_NET\0NICs: -n\0"
	"-*0INET\0addresses: --ip\0"
	"-*0UNIX98_PTYS\0a command's terminal: -t\0"
	".x0PVH\0for its vmlinux; its bzImage starts without\0"
	".x0KVM_GUEST\0tells the TSC's rate: there is no PIT to measure it with\0"
	".x0ACPI\0power-off\0"
	".x0PCI|!ACPI\0ACPI of Linux 6.12 gives up without it\0"
	".a0RTC_DRV_PL031\0the time of day\0"
	".a0RTC_HCTOSYS\0the time of day\0"
	".*0DEVTMPFS\0a command's /dev, if your initrd brings none\0"
	".*0PROC_FS\0a command's /proc\0"
	".*0SYSFS\0a command's /sys\0"
	".*0TMPFS\0a command's /dev/shm\0"
	".*0PROC_PAGE_MONITOR\0a command's streams are faster with it\0"
	".*0IPV6\0--ip with IPv6\0"
	".*0EXT4_FS\0disks with ext4\0"
	".*0SQUASHFS\0disks with squashfs\0"
	".*0EROFS_FS\0disks with EROFS\0"
	".*0OVERLAY_FS\0to write over a disk that is read-only\0";

static const char weights[] = "!-."; /* by enum need_weight */
static const char machines[] = "xa"; /* by enum image_machine */

enum { WEIGHT, MACHINE, LEAST, OPTIONS }; /* their places in a need */

enum { NAME_MAX_SIZE = 48 };

/* Cuts the next alternative off OPTIONS. */
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

static bool meets(struct bytes text, struct gap *gap)
{
	const char *options = gap->options;
	char name[NAME_MAX_SIZE];
	bool inverted;

	gap->module = false;
	if (gap->least)
		return config_number(text, options) >= gap->least;
	while (take_name(&options, name, &inverted)) {
		enum config_state state = config_state(text, name);

		if (inverted ? state == CONFIG_OFF : state == CONFIG_ON)
			return true;
		gap->module = gap->module || (!inverted && state == CONFIG_MODULE);
	}
	return false;
}

bool config_next_gap(struct bytes text, enum image_machine machine, size_t *at, struct gap *gap)
{
	while (*at < sizeof(needs) - 1) {
		const char *need = needs + *at;

		gap->weight = (enum need_weight)(strchr(weights, need[WEIGHT]) - weights);
		gap->least = (unsigned)(need[LEAST] - '0');
		gap->options = need + OPTIONS;
		gap->purpose = gap->options + strlen(gap->options) + 1;
		*at = (size_t)(gap->purpose - needs) + strlen(gap->purpose) + 1;
		if ((need[MACHINE] == '*' || need[MACHINE] == machines[machine]) &&
		    !meets(text, gap))
			return true;
	}
	return false;
}

void config_describe(const struct gap *gap, struct text *line)
{
	static const char module[] =
		"; a module: mayfly's init loads none, build it in or load it from your initrd";
	const char *options = gap->options;
	char name[NAME_MAX_SIZE], names[4 * NAME_MAX_SIZE] = "";
	bool inverted;

	while (take_name(&options, name, &inverted)) {
		if (inverted)
			continue;
		strcat(names, *names ? " or " PREFIX : PREFIX);
		strcat(names, name);
	}
	if (gap->least)
		text_set(line, "%s>=%u (%s)", names, gap->least, gap->purpose);
	else
		text_set(line, "%s (%s%s)", names, gap->purpose, gap->module ? module : "");
}
