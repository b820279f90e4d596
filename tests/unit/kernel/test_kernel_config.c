/* Configurations: what a line says, whatever its spelling, and what is missing in one. */
#include "kernel/kernel_config.h"

#include <stdio.h>
#include <stdlib.h>

#include "unit.h"

/* In an allocation of its size: nothing beyond is looked at. */
static struct bytes text_of(const char *text)
{
	static uint8_t *copy;
	size_t size = strlen(text);

	free(copy);
	copy = malloc(size ? size : 1);
	memcpy(copy, text, size);
	return (struct bytes){copy, size};
}

struct line {
	const char *text;
	enum config_state state; /* of FOO */
};

static const struct line lines[] = {
	{"CONFIG_FOO=y\n", CONFIG_ON},
	{"CONFIG_FOO=y", CONFIG_ON}, /* no newline at the end */
	{"CONFIG_FOO=y\r\n", CONFIG_ON},
	{"CONFIG_FOO=y \t\r\n", CONFIG_ON},
	{"CONFIG_FOO=m\n", CONFIG_MODULE},
	{"CONFIG_FOO=n\n", CONFIG_OFF},
	{"CONFIG_FOO=\n", CONFIG_OFF},
	{"CONFIG_FOO=yes\n", CONFIG_OFF},
	{"CONFIG_FOO=\"y\"\n", CONFIG_OFF}, /* a text */
	{"CONFIG_FOO\n", CONFIG_OFF},
	{"CONFIG_FOO y\n", CONFIG_OFF},
	{"# CONFIG_FOO is not set\n", CONFIG_OFF},
	{"# CONFIG_FOO=y\n", CONFIG_OFF},
	{"#CONFIG_FOO=y\n", CONFIG_OFF},
	{"# CONFIG_FOO is set\n", CONFIG_OFF},
	{" CONFIG_FOO=y\n", CONFIG_OFF}, /* nor does Kconfig take it */
	{"XCONFIG_FOO=y\n", CONFIG_OFF},
	{"FOO=y\n", CONFIG_OFF},
	/* other names */
	{"CONFIG_FOO_BAR=y\n", CONFIG_OFF},
	{"CONFIG_FO=y\nCONFIG_BARFOO=y\nCONFIG_=y\n", CONFIG_OFF},
	{"CONFIG_BAR=\"CONFIG_FOO=y\"\n", CONFIG_OFF},
	{"# CONFIG_FOO_BAR is not set\nCONFIG_FOO=y\n", CONFIG_ON},
	/* the last word counts */
	{"CONFIG_FOO=m\nCONFIG_FOO=y\n", CONFIG_ON},
	{"CONFIG_FOO=y\n# CONFIG_FOO is not set\n", CONFIG_OFF},
	{"# CONFIG_FOO is not set\nCONFIG_FOO=y\nCONFIG_BAR=m\n", CONFIG_ON},
	{"CONFIG_FOO=y\n# CONFIG_FOO is needed\n", CONFIG_ON}, /* a remark */
	{"\n\n# Linux/x86\n#\nCONFIG_FOO=y\n\n", CONFIG_ON},
	{"", CONFIG_OFF},
	{"\n", CONFIG_OFF},
	{"\r\n", CONFIG_OFF},
	{"CONFIG_", CONFIG_OFF},
	{"# ", CONFIG_OFF},
};

static void lines_are_read_as_kconfig_does(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(lines); i++)
		if (config_state(text_of(lines[i].text), "FOO") != lines[i].state)
			fail_msg("\"%s\"", lines[i].text);
	assert_int_equal(config_state((struct bytes){0}, "FOO"), CONFIG_OFF);
}

static void a_nul_is_no_end(void **state)
{
	static const char text[] = "CONFIG_BAR=\"\0\"\nCONFIG_FOO=y\0\nCONFIG_BAZ=y\n";
	struct bytes bytes = {(const uint8_t *)text, sizeof(text) - 1};

	(void)state;
	assert_int_equal(config_state(bytes, "FOO"), CONFIG_OFF);
	assert_int_equal(config_state(bytes, "BAZ"), CONFIG_ON);
}

static void numbers(void **state)
{
	static const struct {
		const char *text;
		uint32_t number;
	} cases[] = {
		{"CONFIG_N=2\n", 2},
		{"CONFIG_N=32\r\n", 32},
		{"CONFIG_N=0", 0},
		{"CONFIG_N=4294967294\n", UINT32_MAX - 1},
		{"CONFIG_N=4294967296\n", UINT32_MAX},
		{"CONFIG_N=99999999999999999999999999999999999999\n", UINT32_MAX},
		{"CONFIG_N=0x20\n", 0},
		{"CONFIG_N=\"2\"\n", 0},
		{"CONFIG_N=-2\n", 0},
		{"CONFIG_N=\n", 0},
		{"CONFIG_N=y\n", 0},
		{"CONFIG_NN=2\n", 0},
		{"CONFIG_N=2\nCONFIG_N=3\n", 3},
		{"CONFIG_N=2\n# CONFIG_N is not set\n", 0},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_each(config_number(text_of(cases[i].text), "N") == cases[i].number,
			    cases[i].text, cases[i].number);
}

static void huge_lines(void **state)
{
	enum { SIZE = 1 << 20 };
	static uint8_t huge[SIZE + 64];
	static const char head[] = "CONFIG_LONG=\"", tail[] = "\"\nCONFIG_FOO=y\nCONFIG_N=5";

	(void)state;
	memset(huge, 'y', SIZE);
	memcpy(huge, head, sizeof(head) - 1);
	memcpy(huge + SIZE, tail, sizeof(tail) - 1);
	struct bytes text = {huge, SIZE + sizeof(tail) - 1};
	assert_int_equal(config_state(text, "FOO"), CONFIG_ON);
	assert_int_equal(config_state(text, "LONG"), CONFIG_OFF);
	assert_int_equal(config_number(text, "N"), 5);
	assert_true(config_is(text));
	assert_false(config_is((struct bytes){huge + 100, SIZE - 100})); /* without its head */
}

static void what_is_a_configuration(void **state)
{
	(void)state;
	assert_true(config_is(text_of("CONFIG_FOO=y")));
	assert_true(config_is(text_of("#\n# Linux\n#\nCONFIG_X=\"a\"\n")));
	assert_true(config_is(text_of("# CONFIG_FOO is not set\n")));
	assert_false(config_is(text_of("")));
	assert_false(config_is(text_of("\x1f\x8b\x08")));
	assert_false(config_is(text_of("#!/bin/sh\necho CONFIG_FOO=y\n")));
	assert_false(config_is(text_of("CONFIG_FOO\n")));
	assert_false(config_is(text_of("CONFIG_\n")));
}

/* --- what is missing --- */

static const char common[] =
	"CONFIG_BINFMT_ELF=y\nCONFIG_TTY=y\nCONFIG_SERIAL_8250=y\nCONFIG_SERIAL_8250_CONSOLE=y\n"
	"CONFIG_BLK_DEV_INITRD=y\nCONFIG_SIGNALFD=y\nCONFIG_SERIAL_8250_NR_UARTS=2\n"
	"CONFIG_SERIAL_8250_RUNTIME_UARTS=2\nCONFIG_VIRTIO_MMIO=y\nCONFIG_VIRTIO_BLK=y\n"
	"CONFIG_VIRTIO_NET=y\nCONFIG_INET=y\nCONFIG_UNIX98_PTYS=y\nCONFIG_DEVTMPFS=y\n"
	"CONFIG_PROC_FS=y\nCONFIG_SYSFS=y\nCONFIG_TMPFS=y\nCONFIG_PROC_PAGE_MONITOR=y\n"
	"CONFIG_IPV6=y\nCONFIG_EXT4_FS=y\nCONFIG_SQUASHFS=y\nCONFIG_EROFS_FS=y\n"
	"CONFIG_OVERLAY_FS=y\n";

static const char *const own[] = {
	[IMAGE_FOR_X86_64] = "CONFIG_X86_64=y\nCONFIG_SERIAL_8250_PNP=y\nCONFIG_ACPI=y\n"
			     "CONFIG_PCI=y\nCONFIG_PVH=y\nCONFIG_KVM_GUEST=y\n",
	[IMAGE_FOR_ARM64] = "CONFIG_ARM64=y\nCONFIG_SERIAL_OF_PLATFORM=y\n"
			    "CONFIG_RTC_DRV_PL031=y\nCONFIG_RTC_HCTOSYS=y\n",
};

/* All gaps of MACHINE's full configuration with CHANGE behind it: "A…: CONFIG…\n" a gap, where A
 * is its weight. */
static const char *gaps(enum image_machine machine, const char *change)
{
	static char out[8192];
	char text[4096];
	struct text line;
	struct gap gap;
	size_t length = 0;

	snprintf(text, sizeof(text), "%s%s%s", common, own[machine], change);
	out[0] = '\0';
	struct bytes bytes = text_of(text);
	for (size_t at = 0; config_next_gap(bytes, machine, &at, &gap);) {
		config_describe(&gap, &line);
		assert_mends(line.text, "CONFIG_");
		length += (size_t)snprintf(out + length, sizeof(out) - length, "%c %s\n",
					   "!-."[gap.weight], line.text);
	}
	return out;
}

static void a_full_configuration_lacks_nothing(void **state)
{
	(void)state;
	assert_string_equal(gaps(IMAGE_FOR_X86_64, ""), "");
	assert_string_equal(gaps(IMAGE_FOR_ARM64, ""), "");
}

/* Each line of the full configurations is needed: without it, its name is told, and only that. */
static void each_option_is_missed(void **state)
{
	(void)state;
	for (unsigned machine = 0; machine < 2; machine++) {
		char all[4096];
		unsigned count = 0;

		snprintf(all, sizeof(all), "%s%s", common, own[machine]);
		for (char *rest, *line = strtok_r(all, "\n", &rest); line;
		     line = strtok_r(NULL, "\n", &rest), count++) {
			char change[128], name[64] = "";
			const char *said;

			sscanf(line, "CONFIG_%63[A-Z0-9_]", name);
			snprintf(change, sizeof(change), "# CONFIG_%s is not set\n", name);
			said = gaps(machine, change);
			if (!strcmp(name, "ACPI")) /* has lines of its own below */
				continue;
			snprintf(change, sizeof(change), "CONFIG_%s", name);
			assert_says(said, change);
			assert_ptr_equal(strchr(said, '\n') + 1, said + strlen(said));
		}
		assert_true(count > 20);
	}
}

static void weights(void **state)
{
	(void)state;
	assert_string_equal(gaps(IMAGE_FOR_X86_64, "CONFIG_BINFMT_ELF=n\n"),
			    "! CONFIG_BINFMT_ELF (always: programs)\n");
	assert_string_equal(gaps(IMAGE_FOR_ARM64, "# CONFIG_VIRTIO_BLK is not set\n"),
			    "- CONFIG_VIRTIO_BLK (disks: -d)\n");
	assert_string_equal(gaps(IMAGE_FOR_ARM64, "CONFIG_RTC_DRV_PL031=n\n"),
			    ". CONFIG_RTC_DRV_PL031 (the time of day)\n");
	assert_string_equal(gaps(IMAGE_FOR_X86_64, "CONFIG_PVH=n\n"),
			    ". CONFIG_PVH (for its vmlinux; its bzImage starts without)\n");
}

static void the_second_uart(void **state)
{
	(void)state;
	assert_string_equal(gaps(IMAGE_FOR_X86_64, "CONFIG_SERIAL_8250_NR_UARTS=1\n"),
			    "! CONFIG_SERIAL_8250_NR_UARTS>=2 (a command: the second UART)\n");
	assert_says(gaps(IMAGE_FOR_ARM64, "CONFIG_SERIAL_8250_RUNTIME_UARTS=0\n"),
		    "! CONFIG_SERIAL_8250_RUNTIME_UARTS>=2 (a command: ");
	assert_string_equal(gaps(IMAGE_FOR_X86_64, "CONFIG_SERIAL_8250_NR_UARTS=32\n"), "");
}

static void modules_are_missing(void **state)
{
	(void)state;
	assert_string_equal(gaps(IMAGE_FOR_X86_64, "CONFIG_VIRTIO_NET=m\n"),
			    "- CONFIG_VIRTIO_NET (NICs: -n; a module: mayfly's init loads none, build "
			    "it in or load it from your initrd)\n");
	assert_says(gaps(IMAGE_FOR_X86_64, "CONFIG_SERIAL_8250=m\n"), "! CONFIG_SERIAL_8250 (");
}

static void alternatives(void **state)
{
	const char *said;

	(void)state;
	/* Without ACPI, the UARTs need no PNP and ACPI no PCI. */
	said = gaps(IMAGE_FOR_X86_64, "CONFIG_ACPI=n\nCONFIG_PCI=n\nCONFIG_SERIAL_8250_PNP=n\n");
	assert_string_equal(
		said,
		"- CONFIG_ACPI or CONFIG_VIRTIO_MMIO_CMDLINE_DEVICES (disks and NICs: finds them)\n"
		"- CONFIG_ACPI or CONFIG_X86_MPPARSE (CPUs, disks and NICs: -c, -d, -n)\n"
		". CONFIG_ACPI (power-off)\n");
	assert_string_equal(gaps(IMAGE_FOR_X86_64,
				 "CONFIG_ACPI=n\nCONFIG_VIRTIO_MMIO_CMDLINE_DEVICES=y\n"
				 "CONFIG_X86_MPPARSE=y\n"),
			    ". CONFIG_ACPI (power-off)\n");
	/* As a module it may still come. */
	assert_says(gaps(IMAGE_FOR_X86_64, "CONFIG_ACPI=m\nCONFIG_PCI=n\n"), ". CONFIG_PCI (");
	said = gaps(IMAGE_FOR_X86_64, "CONFIG_SERIAL_8250_PNP=n\n");
	assert_string_equal(said, "! CONFIG_SERIAL_8250_PNP (always: the UARTs' interrupts, with "
				  "ACPI)\n");
}

static void the_other_machines_configuration(void **state)
{
	(void)state;
	assert_says(gaps(IMAGE_FOR_X86_64, "CONFIG_X86_64=n\nCONFIG_ARM64=y\n"),
		    "! CONFIG_X86_64 (");
	assert_says(gaps(IMAGE_FOR_ARM64, "CONFIG_ARM64=n\nCONFIG_X86_64=y\n"), "! CONFIG_ARM64 (");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_are_read_as_kconfig_does),
		cmocka_unit_test(a_nul_is_no_end),
		cmocka_unit_test(numbers),
		cmocka_unit_test(huge_lines),
		cmocka_unit_test(what_is_a_configuration),
		cmocka_unit_test(a_full_configuration_lacks_nothing),
		cmocka_unit_test(each_option_is_missed),
		cmocka_unit_test(weights),
		cmocka_unit_test(the_second_uart),
		cmocka_unit_test(modules_are_missing),
		cmocka_unit_test(alternatives),
		cmocka_unit_test(the_other_machines_configuration),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
