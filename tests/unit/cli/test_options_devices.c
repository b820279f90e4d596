/* The command line of "mayfly run": disks, NICs, addresses, and the disks that have a meaning. */
#include "option_words.h"

static void disks_in_every_spelling(void **state)
{
	(void)state;
	assert_parses("-kx", "-da", "-d", "b,ro", "--disk=c=d,queues=2", "--disk", "-e");
	assert_int_equal(options.disks, 4);
	assert_string_equal(options.disk[0].path, "a");
	assert_string_equal(options.disk[1].path, "b");
	assert_true(options.disk[1].read_only && !options.disk[0].read_only);
	assert_string_equal(options.disk[2].path, "c=d");
	assert_int_equal(options.disk[2].queues, 2);
	assert_string_equal(options.disk[3].path, "-e");
	assert_int_equal(options.nets, 0);
}

static void nics_in_every_spelling(void **state)
{
	(void)state;
	assert_parses("-kx", "-ntap=a", "-n", "tap=b,mtu=100", "--net=fd=3:4", "--net", "fd=5");
	assert_int_equal(options.nets, 4);
	assert_string_equal(options.net[0].tap, "a");
	assert_string_equal(options.net[1].tap, "b");
	assert_int_equal(options.net[1].mtu, 100);
	assert_int_equal(options.net[2].queues, 2);
	assert_int_equal(options.net[3].fd_number[0], 5);
	assert_int_equal(options.disks, 0);
}

static void addresses_in_every_spelling(void **state)
{
	(void)state;
	assert_parses("-kx", "-ntap=a", "--ip=10.0.0.2/24,gw=10.0.0.1", "--ip", "fd00::2/64", "--",
		      "x");
	assert_int_equal(options.ips, 2);
	assert_string_equal(options.ip[0].address, "10.0.0.2/24");
	assert_string_equal(options.ip[0].gateway, "10.0.0.1");
	assert_string_equal(options.ip[1].address, "fd00::2/64");
	assert_null(options.ip[1].gateway);
	assert_parses("--ip=fd00::2/64", "--ip=10.0.0.2/24", "-ntap=a", "-kx", "--", "x");
	assert_int_equal(options.ips, 2);
	assert_string_equal(options.ip[0].address, "fd00::2/64");
}

/* Every way to say it that the wrong values have is tested with their parser; here, that it is
 * called. */
static void wrong_devices_are_refused(void **state)
{
	(void)state;
	assert_refused("'rw'", "--disk does not know", "-kx", "-da,rw");
	assert_refused("'ro'", "--net does not know", "-kx", "-ntap=a,ro");
	assert_refused("'10.0.0.2'", "--ip cannot use", "-kx", "-ntap=a", "--ip=10.0.0.2", "--",
		       "x");
	/* No letter: "-ip" is -i with a value. */
	assert_parses("-kx", "-ip");
	assert_string_equal(options.initrd, "p");
}

static void eight_devices_and_no_more(void **state)
{
	(void)state;
	assert_parses("-kx", "-d1", "-d2", "-d3", "-d4", "-d5", "-d6", "-d7", "-d8");
	assert_int_equal(options.disks, 8);
	assert_string_equal(options.disk[7].path, "8");
	assert_refused("'9,ro'", "at most 8 disks and NICs", "-kx", "-d1", "-d2", "-d3", "-d4",
		       "-d5", "-d6", "-d7", "-d8", "-d9,ro");
	assert_refused("'tap=9'", "at most 8 disks and NICs", "-kx", "-d1", "-d2", "-d3", "-d4",
		       "-d5", "-d6", "-d7", "-d8", "-ntap=9");
	assert_parses("-kx", "-ntap=1", "-ntap=2", "-ntap=3", "-ntap=4", "-ntap=5", "-ntap=6",
		      "-ntap=7", "-ntap=8");
	assert_int_equal(options.nets, 8);
	assert_string_equal(options.net[7].tap, "8");
	assert_parses("-kx", "-d1", "-ntap=2", "-d3", "-ntap=4", "-d5", "-ntap=6", "-d7",
		      "-ntap=8");
	assert_int_equal(options.nets, 4);
	assert_int_equal(options.disks, 4);
	assert_refused("'9'", "one device too many", "-kx", "-d1", "-ntap=2", "-d3", "-ntap=4",
		       "-d5", "-ntap=6", "-d7", "-ntap=8", "-d9");
}

static void one_address_of_each_family(void **state)
{
	(void)state;
	assert_refused("'10.0.0.3/24'", "one IPv4 and one IPv6", "-kx", "-ntap=a",
		       "--ip=10.0.0.2/24", "--ip=10.0.0.3/24", "--", "x");
	assert_refused("'fd00::3/64'", "one IPv4 and one IPv6", "-kx", "-ntap=a", "--ip=fd00::2/64",
		       "--ip=fd00::3/64", "--", "x");
	assert_refused("'fd00::3/64'", "one IPv4 and one IPv6", "-kx", "-ntap=a", "--ip=fd00::2/64",
		       "--ip=10.0.0.2/24", "--ip=fd00::3/64", "--", "x");
	assert_refused("'10.0.0.3/24'", "one IPv4 and one IPv6", "-kx", "-ntap=a",
		       "--ip=10.0.0.2/24", "--ip=fd00::2/64", "--ip=10.0.0.3/24", "--", "x");
	/* The third is like the second. */
	assert_refused("'10.0.0.3/24'", "one IPv4 and one IPv6", "-kx", "-ntap=a",
		       "--ip=fd00::2/64", "--ip=10.0.0.2/24", "--ip=10.0.0.3/24", "--", "x");
	assert_refused("'fd00::3/64'", "one IPv4 and one IPv6", "-kx", "-ntap=a",
		       "--ip=10.0.0.2/24", "--ip=fd00::2/64", "--ip=fd00::3/64", "--", "x");
}

static void an_address_needs_a_nic_and_a_command(void **state)
{
	(void)state;
	assert_refused("--ip", "--net and a command", "-kx", "-ntap=a", "--ip=10.0.0.2/24");
	assert_refused("--ip", "--net and a command", "-kx", "--ip=10.0.0.2/24", "--", "x");
	assert_refused("--ip", "--net and a command", "-kx", "-da", "--ip=10.0.0.2/24", "--", "x");
	/* Help needs neither. */
	assert_parses("--ip=10.0.0.2/24", "-h");
}

/* --- disks of a meaning --- */

static void the_root_is_the_first_disk(void **state)
{
	(void)state;
	assert_parses("-kx", "-da", "-db,ro", "--root=r,ephemeral,queues=2", "-dc", "--", "x");
	assert_true(options.root);
	assert_int_equal(options.disks, 4);
	assert_string_equal(options.disk[0].path, "r");
	assert_true(options.disk[0].ephemeral);
	assert_int_equal(options.disk[0].queues, 2);
	assert_string_equal(options.disk[1].path, "a");
	assert_false(options.disk[1].ephemeral);
	assert_string_equal(options.disk[2].path, "b");
	assert_true(options.disk[2].read_only);
	assert_string_equal(options.disk[3].path, "c");
	assert_refused("'s'", "second root (give --root once)", "-kx", "--root=r", "--root=s", "--",
		       "x");
	assert_refused("'rw'", "does not know", "-kx", "--root=r,rw", "--", "x");
	assert_parses("-kx", "-d1", "-d2", "-d3", "-d4", "-d5", "-d6", "-d7", "--root=8", "--",
		      "x");
	assert_int_equal(options.disks, 8);
	assert_string_equal(options.disk[0].path, "8");
	assert_string_equal(options.disk[7].path, "7");
	assert_refused("'9'", "at most 8 disks and NICs", "-kx", "-d1", "-d2", "-d3", "-d4", "-d5",
		       "-d6", "-d7", "-ntap=8", "--root=9", "--", "x");
}

static void the_outbox_is_the_last_disk(void **state)
{
	(void)state;
	assert_parses("-kx", "-o/a:b", "-da", "--root=r", "--out-limit=1M", "-o/c:d", "--", "x");
	assert_int_equal(options.disks, 3);
	assert_string_equal(options.disk[0].path, "r");
	assert_string_equal(options.disk[1].path, "a");
	assert_true(options.disk[1].scratch == 0);
	assert_true(options.disk[2].scratch == MIB);
	assert_int_equal(options.disk[2].queues, 1);
	assert_non_null(options.disk[2].path); /* what messages call it */
	assert_false(options.disk[2].read_only || options.disk[2].ephemeral ||
		     options.disk[2].direct);
	assert_null(options.disk[2].serial);
	assert_parses("-kx", "-o/a:b", "--", "x");
	assert_true(options.disk[0].scratch == GIB);
	assert_parses("-kx", "--out-limit=1M", "--", "x");
	assert_int_equal(options.disks, 0);
	/* It takes a place. */
	assert_parses("-kx", "-o/a:b", "-d1", "-d2", "-d3", "-d4", "-d5", "-d6", "-ntap=7", "--",
		      "x");
	assert_int_equal(options.disks, 7);
	assert_refused("'-o'", "at most 8 disks and NICs", "-kx", "-o/a:b", "-d1", "-d2", "-d3",
		       "-d4", "-d5", "-d6", "-ntap=7", "-d8", "--", "x");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(disks_in_every_spelling),
		cmocka_unit_test(nics_in_every_spelling),
		cmocka_unit_test(addresses_in_every_spelling),
		cmocka_unit_test(wrong_devices_are_refused),
		cmocka_unit_test(eight_devices_and_no_more),
		cmocka_unit_test(one_address_of_each_family),
		cmocka_unit_test(an_address_needs_a_nic_and_a_command),
		cmocka_unit_test(the_root_is_the_first_disk),
		cmocka_unit_test(the_outbox_is_the_last_disk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
