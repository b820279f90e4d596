/* Device trees: what a random writer writes, a reader of its own finds again, in that order; a
 * buffer that is too small is noticed and not overrun; and an arm64 machine of any numbers has
 * them in a tree that is well-formed. */
#include "fuzz.h"

#include "tables/arm64_tree.h"
#include "kernel/cmdline.h"

/* The unit tests' reader, whose assertions become ours. */
#define MAYFLY_UNIT_H
#define assert_true(condition) REQUIRE(condition)
#define assert_int_equal(a, b) REQUIRE((a) == (b))
#define assert_ptr_equal(a, b) REQUIRE((a) == (b))
#define assert_non_null(pointer) REQUIRE(pointer)
#define assert_each(condition, what, number) REQUIRE(condition)
#define fail_msg(...) REQUIRE(false)
#include "../unit/fdt_reader.h"

enum { STEPS_MAX = 64, DEPTH_MAX = 8 };

static const char *const names[] = {"a",           "compatible", "reg",
				    "#size-cells", "linux,x",    "thirty-one-characters-are-allo",
				    "b",           "a-",         "interrupt-parent"};

/* What was written: a token of the structure, and a property's value. */
static struct step {
	uint32_t token;
	char name[48];
	uint8_t value[80];
	size_t size;
} steps[STEPS_MAX];
static unsigned count;

static void note(uint32_t token, const char *name, const void *value, size_t size)
{
	struct step *step = &steps[count++];

	step->token = token;
	step->size = size;
	snprintf(step->name, sizeof(step->name), "%s", name);
	if (size)
		memcpy(step->value, value, size);
}

static void put_big_endian(uint8_t *out, uint64_t value, unsigned size)
{
	while (size--) {
		out[size] = (uint8_t)value;
		value >>= 8;
	}
}

static void write_property(struct input *input, struct fdt *fdt)
{
	const char *name = names[take8(input) % COUNT(names)];
	uint8_t value[80];
	unsigned kind = take8(input) % 5, amount = take8(input);
	uint64_t number = take64(input);

	memset(value, take8(input) | 1, sizeof(value));
	if (kind == 0) {
		fdt_property(fdt, name, amount % 64 ? value : NULL, amount % 64);
		note(DT_PROP, name, value, amount % 64);
	} else if (kind == 1) {
		value[amount % 64] = '\0';
		fdt_string(fdt, name, (const char *)value);
		note(DT_PROP, name, value, amount % 64 + 1);
	} else if (kind == 2) {
		fdt_u64(fdt, name, number);
		put_big_endian(value, number, 8);
		note(DT_PROP, name, value, 8);
	} else if (kind == 3) {
		fdt_u32(fdt, name, (uint32_t)number);
		put_big_endian(value, number, 4);
		note(DT_PROP, name, value, 4);
	} else {
		const struct fdt_range ranges[] = {{number, amount}, {amount, ~number}};

		fdt_reg(fdt, ranges, 1 + amount % 2);
		for (unsigned i = 0; i < 2; i++) {
			put_big_endian(value + 16 * i, ranges[i].address, 8);
			put_big_endian(value + 16 * i + 8, ranges[i].size, 8);
		}
		note(DT_PROP, "reg", value, 16 * (1 + amount % 2));
	}
}

static void write_node(struct input *input, struct fdt *fdt)
{
	const char *name = names[take8(input) % COUNT(names)];
	uint32_t address = take32(input);
	char text[48];

	name += name[0] == '#'; /* which only a property may have */
	if (address & 1) {
		fdt_node(fdt, name);
		note(DT_BEGIN_NODE, name, NULL, 0);
		return;
	}
	fdt_node_at(fdt, name, address);
	snprintf(text, sizeof(text), "%s@%x", name, (unsigned)address);
	note(DT_BEGIN_NODE, text, NULL, 0);
}

static void require_steps(const uint8_t *blob)
{
	struct dt_walk walk = dt_begin(blob);

	REQUIRE(dt_next(&walk) == DT_BEGIN_NODE && walk.path[0] == '\0');
	for (const struct step *step = steps; step < steps + count; step++) {
		REQUIRE(dt_next(&walk) == step->token);
		if (step->token == DT_BEGIN_NODE)
			REQUIRE(!strcmp(strrchr(walk.path, '/') + 1, step->name));
		if (step->token != DT_PROP)
			continue;
		REQUIRE(!strcmp(walk.property.name, step->name));
		REQUIRE(walk.property.size == step->size);
		REQUIRE(!memcmp(walk.property.value, step->value, step->size));
	}
	REQUIRE(dt_next(&walk) == DT_END_NODE && dt_next(&walk) == DT_END);
}

/* Many long names, until there is no room for more. */
static void write_names(struct fdt *fdt, unsigned amount)
{
	char name[32];

	while (amount--) {
		snprintf(name, sizeof(name), "another-long-name-%08u", amount);
		fdt_u32(fdt, name, amount);
		note(DT_PROP, name, "\0\0\0", 3);
		steps[count - 1].value[3] = (uint8_t)amount;
		steps[count - 1].size = 4;
	}
}

static void fuzz_writer(struct input *input)
{
	size_t capacity = take16(input) % 8192;
	uint8_t *buffer = malloc(capacity ? capacity : 1);
	unsigned depth = 0, many = take8(input);
	bool children = false, forgotten = false;
	struct fdt fdt;

	REQUIRE(buffer);
	count = 0;
	fdt_begin(&fdt, buffer, capacity);
	write_names(&fdt, many & 0x80 ? many % 32 : 0);
	while (input->size && count < STEPS_MAX - DEPTH_MAX) {
		unsigned what = take8(input) % 4;

		if (what < 2 && !children) {
			write_property(input, &fdt);
		} else if (what == 2 && depth < DEPTH_MAX - 1) {
			write_node(input, &fdt);
			children = false;
			depth++;
		} else if (depth) {
			fdt_end(&fdt);
			note(DT_END_NODE, "", NULL, 0);
			depth--;
			children = true;
		}
	}
	forgotten = depth && (many & 0x40);
	for (; depth && !forgotten; depth--) {
		fdt_end(&fdt);
		note(DT_END_NODE, "", NULL, 0);
	}
	size_t size = fdt_finish(&fdt);
	REQUIRE(size <= capacity && !(forgotten && size));
	if (size) {
		dt_check(buffer, size);
		require_steps(buffer);
	} else {
		REQUIRE(forgotten || capacity < 8192 - 1 || fdt.names_size > FDT_NAMES_MAX - 32);
	}
	free(buffer);
}

/* --- a machine --- */

static struct arm64_device take_device(struct input *input)
{
	uint64_t address = (uint64_t)take32(input) << 4;

	return (struct arm64_device){address, take32(input), take8(input)};
}

static void require_machine(const uint8_t *blob, const struct arm64_tree *tree)
{
	char path[64];

	REQUIRE(dt_count(blob, "/cpus/cpu@") == tree->cpus);
	for (unsigned i = 0; i < tree->cpus; i++) {
		snprintf(path, sizeof(path), "/cpus/cpu@%x", (unsigned)arm64_mpidr(i));
		REQUIRE(dt_cell(blob, path, "reg", 0, 1) == arm64_mpidr(i));
	}
	REQUIRE(dt_count(blob, "/virtio_mmio@") == tree->virtio_count);
	REQUIRE(dt_count(blob, "/serial@") == 2);
	REQUIRE(!strcmp(dt_text(blob, "/chosen", "bootargs"), tree->bootargs));
	REQUIRE(!memcmp(dt_get(blob, "/chosen", "kaslr-seed").value, tree->seed, 8));
	REQUIRE(!dt_find(blob, "/chosen", "linux,initrd-start").value == !tree->initrd.size);
	if (tree->initrd.size)
		REQUIRE(dt_number(blob, "/chosen", "linux,initrd-end", 0, 1) ==
			tree->initrd.address + tree->initrd.size);
	snprintf(path, sizeof(path), "/memory@%llx", (unsigned long long)tree->memory.address);
	REQUIRE(dt_number(blob, path, "reg", 1, 2) == tree->memory.size);
	REQUIRE(dt_cell(blob, "/timer", "interrupts", 2, 12) ==
		(4 | (tree->gic_version == 2 ? ((1u << tree->cpus) - 1) << 8 : 0)));
}

static void fuzz_machine(struct input *input)
{
	static char bootargs[CMDLINE_CAPACITY];
	static uint8_t seed[ARM64_SEED_SIZE];
	unsigned gic = take8(input);
	struct arm64_tree tree = {
		.gic_version = gic & 1 ? 2 : 3,
		.cpus = 1 + take8(input) % (gic & 1 ? 8 : 32),
		.memory = {(uint64_t)take32(input) << 12, take64(input)},
		.distributor = {take32(input), take32(input)},
		.gic_cpus = {take32(input), take32(input)},
		.console = take_device(input),
		.channel = take_device(input),
		.clock = {take32(input), take32(input)},
		.virtio_count = gic >> 1 & 0xf,
		.initrd = {take32(input), gic & 0x80 ? take32(input) : 0},
		.bootargs = bootargs,
		.seed = seed,
	};
	size_t length = take16(input) % CMDLINE_CAPACITY, cut = gic & 0x40 ? take16(input) : 0;

	if (tree.virtio_count > ARM64_VIRTIO_MAX)
		tree.virtio_count = 0;
	memset(bootargs, 'x', length);
	bootargs[length] = '\0';
	memset(seed, take8(input), sizeof(seed));
	for (unsigned i = 0; i < tree.virtio_count; i++)
		tree.virtio[i] = take_device(input);
	size_t capacity = cut < ARM64_TREE_SIZE_MAX ? ARM64_TREE_SIZE_MAX - cut : 0;
	uint8_t *blob = malloc(capacity ? capacity : 1);
	REQUIRE(blob);
	size_t size = arm64_tree_build(&tree, blob, capacity);
	REQUIRE(size <= capacity && (size || cut));
	if (size) {
		dt_check(blob, size);
		require_machine(blob, &tree);
	}
	free(blob);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = {data, size};

	if (take8(&input) % 2)
		fuzz_writer(&input);
	else
		fuzz_machine(&input);
	return 0;
}
