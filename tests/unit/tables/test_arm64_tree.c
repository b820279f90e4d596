/* The device tree of an arm64 guest, against Linux's Documentation/devicetree/bindings.
 *
 * What dtc makes of a tree is in tests/unit/golden/arm64-NAME.dts. After a change, read what
 * differs against the bindings; then `UPDATE_GOLDEN=1 build/…/test_arm64_tree` writes the files. */
#include "tables/arm64_tree.h"

#include <stdio.h>
#include <stdlib.h>

#include "kernel/cmdline.h"
#include "fdt_reader.h"

/* As in vmm/machine/aarch64/arch_layout.h. */
static const struct fdt_range gicv3_distributor = {0x08000000, 0x10000};
static const struct fdt_range gicv2_distributor = {0x08000000, 0x1000};
static const struct fdt_range gicv2_cpus = {0x08010000, 0x2000};

static uint8_t seed[ARM64_SEED_SIZE];
static uint8_t blob[ARM64_TREE_SIZE_MAX + 64];
static size_t size;

static struct arm64_tree make_tree(unsigned gic_version, unsigned cpus)
{
	struct arm64_tree tree = {
		.memory = {0x40000000, 0x10000000},
		.cpus = cpus,
		.gic_version = gic_version,
		.distributor = gic_version == 2 ? gicv2_distributor : gicv3_distributor,
		.gic_cpus = gicv2_cpus,
		.console = {0x09000000, 0x1000, 0},
		.channel = {0x09001000, 0x1000, 1},
		.clock = {0x09002000, 0x1000},
		.bootargs = "console=ttyS0",
		.seed = seed,
	};

	if (gic_version == 3)
		tree.gic_cpus = (struct fdt_range){0x08200000, cpus * 0x20000};
	for (unsigned i = 0; i < sizeof(seed); i++)
		seed[i] = (uint8_t)(0x11 * (i % 15) + 1 + i / 15);
	return tree;
}

static void add_devices(struct arm64_tree *tree, unsigned count)
{
	tree->virtio_count = count;
	for (unsigned i = 0; i < count; i++)
		tree->virtio[i] = (struct arm64_device){0x0a000000 + i * 0x1000, 0x1000, 16 + i};
}

static void build(const struct arm64_tree *tree)
{
	memset(blob, 0xee, sizeof(blob));
	size = arm64_tree_build(tree, blob, ARM64_TREE_SIZE_MAX);
	assert_true(size > 0 && size <= ARM64_TREE_SIZE_MAX);
	for (size_t i = size; i < sizeof(blob); i++)
		assert_each(blob[i] == 0xee, "written at", i);
	dt_check(blob, size);
}

/* --- what dtc reads --- */

static int run(const char *format, const char *directory, const char *golden)
{
	char command[512];

	snprintf(command, sizeof(command), format, directory, golden);
	return system(command);
}

/* dtc knows many rules of the specification and of bindings, and warns of what breaks them. */
static void check_golden(const struct arm64_tree *tree, const char *name)
{
	char directory[] = "/tmp/tree-XXXXXX", path[64];

	build(tree);
	assert_non_null(mkdtemp(directory));
	snprintf(path, sizeof(path), "%s/dtb", directory);
	FILE *file = fopen(path, "w");
	assert_non_null(file);
	assert_int_equal(fwrite(blob, 1, size, file), size);
	assert_int_equal(fclose(file), 0);

	int dtc = run("cd %s && dtc -I dtb -O dts -s -o dts dtb 2>err", directory, "");
	int silent = run("! cat %s/err | grep . >&2", directory, "");
	if (getenv("UPDATE_GOLDEN"))
		run("cp %s/dts tests/unit/golden/arm64-%s.dts", directory, name);
	int same = run("diff -u tests/unit/golden/arm64-%2$s.dts %1$s/dts >&2", directory, name);
	run("rm -r %s", directory, "");
	assert_int_equal(dtc, 0);
	assert_int_equal(silent, 0);
	assert_int_equal(same, 0);
}

static void gicv3_and_one_cpu(void **state)
{
	const struct arm64_tree tree = make_tree(3, 1);

	(void)state;
	check_golden(&tree, "gicv3");
}

static void gicv2_and_8_cpus(void **state)
{
	const struct arm64_tree tree = make_tree(2, 8);

	(void)state;
	check_golden(&tree, "gicv2");
}

static void everything_there_can_be(void **state)
{
	struct arm64_tree tree = make_tree(3, 32);

	(void)state;
	add_devices(&tree, ARM64_VIRTIO_MAX);
	tree.memory.size = 64 * GIB;
	tree.initrd = (struct fdt_range){0x83fff0000, 0xabcd};
	check_golden(&tree, "full");
}

static char longest[CMDLINE_CAPACITY];

static void fill_longest(void)
{
	for (unsigned i = 0; i < sizeof(longest) - 1; i++)
		longest[i] = i % 8 == 7 ? ' ' : (char)('a' + i % 26);
	longest[sizeof(longest) - 1] = '\0';
}

static void the_longest_command_line(void **state)
{
	struct arm64_tree tree = make_tree(3, 1);

	(void)state;
	fill_longest();
	tree.bootargs = longest;
	check_golden(&tree, "cmdline");
	assert_string_equal(dt_text(blob, "/chosen", "bootargs"), longest);
}

/* --- what is in it --- */

/* Arm BSA §3.7: INTIDs 29, 30, 27 and 26, of which 16 is PPI 0. arm,gic.yaml: a mask of CPUs in
 * bits 15–8; arm,gic-v3.yaml: "1 = edge triggered, 4 = level triggered" and nothing else. KVM's
 * timers raise a level. */
static void check_timer(unsigned gic_version, unsigned cpus, uint32_t flags)
{
	static const uint32_t numbers[] = {29 - 16, 30 - 16, 27 - 16, 26 - 16};
	const struct arm64_tree tree = make_tree(gic_version, cpus);

	build(&tree);
	for (unsigned i = 0; i < COUNT(numbers); i++) {
		assert_int_equal(dt_cell(blob, "/timer", "interrupts", 3 * i, 12), 1);
		assert_int_equal(dt_cell(blob, "/timer", "interrupts", 3 * i + 1, 12), numbers[i]);
		assert_int_equal(dt_cell(blob, "/timer", "interrupts", 3 * i + 2, 12), flags);
	}
}

static void the_timers_interrupts(void **state)
{
	static const uint32_t masks[] = {0x01, 0x03, 0x07, 0x0f, 0x1f, 0x3f, 0x7f, 0xff};

	(void)state;
	for (unsigned cpus = 1; cpus <= 8; cpus++)
		check_timer(2, cpus, masks[cpus - 1] << 8 | 4);
	for (unsigned cpus = 1; cpus <= 32; cpus++)
		check_timer(3, cpus, 4);
}

/* arm64's reset_mpidr in KVM: Aff0 (bits 7–0) counts to 15, as a GIC's SGIs can name 16 CPUs of
 * a cluster; Aff1 is bits 15–8. */
static void affinities(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 16; i++) {
		assert_int_equal(arm64_mpidr(i), i);
		assert_int_equal(arm64_mpidr(16 + i), 0x100 + i);
	}
}

/* cpus.yaml: "reg" has the affinity of the CPU, the unit address as well. */
static void cpus(void **state)
{
	(void)state;
	for (unsigned count = 1; count <= 32; count++) {
		const struct arm64_tree tree = make_tree(3, count);

		build(&tree);
		assert_int_equal(dt_count(blob, "/cpus/"), count);
		assert_int_equal(dt_cell(blob, "/cpus", "#address-cells", 0, 1), 1);
		assert_int_equal(dt_cell(blob, "/cpus", "#size-cells", 0, 1), 0);
		for (unsigned i = 0; i < count; i++) {
			unsigned affinity = i < 16 ? i : 0x100 + i - 16;
			char path[32];

			snprintf(path, sizeof(path), "/cpus/cpu@%x", affinity);
			assert_int_equal(dt_cell(blob, path, "reg", 0, 1), affinity);
			assert_string_equal(dt_text(blob, path, "device_type"), "cpu");
			assert_string_equal(dt_text(blob, path, "enable-method"), "psci");
		}
	}
}

static void an_initrd(void **state)
{
	static const struct fdt_range places[] = {
		{0x48000000, 1}, {0x4ffff000, 0x1000}, {0xfffff000, 0x1001}, {0x83ffff000, 0x1000}};
	struct arm64_tree tree = make_tree(3, 1);

	(void)state;
	build(&tree);
	assert_null(dt_find(blob, "/chosen", "linux,initrd-start").value);
	assert_null(dt_find(blob, "/chosen", "linux,initrd-end").value);
	for (unsigned i = 0; i < COUNT(places); i++) {
		tree.initrd = places[i];
		build(&tree);
		assert_true(dt_number(blob, "/chosen", "linux,initrd-start", 0, 1) ==
			    places[i].address);
		/* The first address behind it (dtschema: chosen.yaml). */
		assert_true(dt_number(blob, "/chosen", "linux,initrd-end", 0, 1) ==
			    places[i].address + places[i].size);
	}
}

/* chosen.yaml: kaslr-seed is a 64-bit number, rng-seed any bytes. No byte is in both, none is
 * lost. */
static void seeds(void **state)
{
	const struct arm64_tree tree = make_tree(3, 1);

	(void)state;
	build(&tree);
	struct dt_property kaslr = dt_get(blob, "/chosen", "kaslr-seed");
	struct dt_property rng = dt_get(blob, "/chosen", "rng-seed");

	assert_int_equal(kaslr.size, 8);
	assert_int_equal(rng.size, sizeof(seed) - 8);
	assert_memory_equal(kaslr.value, seed, 8);
	assert_memory_equal(rng.value, seed + 8, sizeof(seed) - 8);
}

static void the_memory(void **state)
{
	static const uint64_t sizes[] = {16 * MIB, 3 * GIB, 4 * GIB - PAGE, 4 * GIB, 64 * GIB};
	struct arm64_tree tree = make_tree(3, 1);

	(void)state;
	for (unsigned i = 0; i < COUNT(sizes); i++) {
		tree.memory.size = sizes[i];
		build(&tree);
		assert_int_equal(dt_count(blob, "/memory"), 1);
		assert_string_equal(dt_text(blob, "/memory@40000000", "device_type"), "memory");
		assert_true(dt_number(blob, "/memory@40000000", "reg", 0, 2) == 0x40000000);
		assert_true(dt_number(blob, "/memory@40000000", "reg", 1, 2) == sizes[i]);
	}
}

/* stdout-path and the aliases are paths of nodes, which are there. */
static void paths_lead_somewhere(void **state)
{
	const struct arm64_tree tree = make_tree(3, 1);

	(void)state;
	build(&tree);
	assert_true(dt_has_node(blob, dt_text(blob, "/chosen", "stdout-path")));
	assert_true(dt_has_node(blob, dt_text(blob, "/aliases", "serial0")));
	assert_true(dt_has_node(blob, dt_text(blob, "/aliases", "serial1")));
	assert_string_equal(dt_text(blob, "/aliases", "serial0"), "/serial@9000000");
	assert_string_equal(dt_text(blob, "/aliases", "serial1"), "/serial@9001000");
	assert_string_equal(dt_text(blob, "/chosen", "stdout-path"), "/serial@9000000");
	/* interrupt-parent and clocks are phandles of different nodes. */
	uint32_t gic = dt_cell(blob, "/interrupt-controller@8000000", "phandle", 0, 1);
	uint32_t clock = dt_cell(blob, "/bus-clock", "phandle", 0, 1);
	assert_int_equal(dt_cell(blob, "", "interrupt-parent", 0, 1), gic);
	assert_int_equal(dt_cell(blob, "/rtc@9002000", "clocks", 0, 1), clock);
	assert_int_not_equal(gic, clock);
}

/* A device's node has its address and interrupt, whatever they are. */
static void devices(void **state)
{
	struct arm64_tree tree = make_tree(3, 1);

	(void)state;
	for (unsigned count = 0; count <= ARM64_VIRTIO_MAX; count++) {
		tree.virtio_count = count;
		for (unsigned i = 0; i < count; i++)
			tree.virtio[i] = (struct arm64_device){0x123450000 + i * 0x10200,
							       0x200 + i * 0x200, 100 + i};
		build(&tree);
		assert_int_equal(dt_count(blob, "/virtio_mmio@"), count);
		for (unsigned i = 0; i < count; i++) {
			uint64_t address = 0x123450000 + i * 0x10200;
			char path[64];

			snprintf(path, sizeof(path), "/virtio_mmio@%llx",
				 (unsigned long long)address);
			assert_true(dt_number(blob, path, "reg", 0, 2) == address);
			assert_true(dt_number(blob, path, "reg", 1, 2) == 0x200 + i * 0x200);
			assert_int_equal(dt_cell(blob, path, "interrupts", 0, 3), 0); /* SPI */
			assert_int_equal(dt_cell(blob, path, "interrupts", 1, 3), 100 + i);
			assert_int_equal(dt_cell(blob, path, "interrupts", 2, 3), 1); /* edge */
			assert_non_null(dt_get(blob, path, "dma-coherent").value);
		}
	}
}

/* --- room --- */

static struct arm64_tree largest(void)
{
	struct arm64_tree tree = make_tree(3, 32);

	fill_longest();
	tree.bootargs = longest;
	tree.virtio_count = ARM64_VIRTIO_MAX;
	for (unsigned i = 0; i < ARM64_VIRTIO_MAX; i++)
		tree.virtio[i] = (struct arm64_device){UINT64_MAX - i, UINT64_MAX, UINT32_MAX};
	tree.memory = tree.initrd = tree.clock = tree.distributor = tree.gic_cpus =
		(struct fdt_range){UINT64_MAX, UINT64_MAX};
	tree.console = tree.channel = tree.virtio[0];
	return tree;
}

static void the_worst_case_fits(void **state)
{
	const struct arm64_tree tree = largest();

	(void)state;
	build(&tree);
	assert_int_equal(dt_count(blob, "/cpus/cpu@"), 32);
}

/* An allocation of each size, so that the sanitizer sees a byte too far; and one that needs no
 * sanitizer. */
static void any_capacity(void **state)
{
	struct arm64_tree tree = make_tree(2, 2);

	(void)state;
	add_devices(&tree, 1);
	tree.initrd = (struct fdt_range){0x48000000, 0x1000};
	build(&tree);
	for (size_t capacity = 0; capacity <= size + 1; capacity++) {
		static uint8_t guarded[sizeof(blob)];
		uint8_t *exact = malloc(capacity ? capacity : 1);
		size_t expected = capacity < size ? 0 : size;

		memset(guarded, 0xdd, sizeof(guarded));
		assert_each(arm64_tree_build(&tree, exact, capacity) == expected, "capacity",
			    capacity);
		assert_each(arm64_tree_build(&tree, guarded, capacity) == expected, "capacity",
			    capacity);
		if (expected)
			assert_memory_equal(exact, blob, size);
		free(exact);
		for (size_t i = capacity; i < sizeof(guarded); i++)
			assert_each(guarded[i] == 0xdd, "written behind", capacity);
	}
}

static void room_for_all_but_a_byte(void **state)
{
	const struct arm64_tree tree = largest();

	(void)state;
	build(&tree);
	size_t needed = size;
	assert_true(arm64_tree_build(&tree, blob, needed) == needed);
	assert_true(arm64_tree_build(&tree, blob, needed - 1) == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(gicv3_and_one_cpu),
		cmocka_unit_test(gicv2_and_8_cpus),
		cmocka_unit_test(everything_there_can_be),
		cmocka_unit_test(the_longest_command_line),
		cmocka_unit_test(the_timers_interrupts),
		cmocka_unit_test(affinities),
		cmocka_unit_test(cpus),
		cmocka_unit_test(an_initrd),
		cmocka_unit_test(seeds),
		cmocka_unit_test(the_memory),
		cmocka_unit_test(paths_lead_somewhere),
		cmocka_unit_test(devices),
		cmocka_unit_test(the_worst_case_fits),
		cmocka_unit_test(any_capacity),
		cmocka_unit_test(room_for_all_but_a_byte),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
