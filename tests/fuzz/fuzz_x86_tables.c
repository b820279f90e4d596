/* What an x86-64 kernel finds in memory beside ACPI: the MP table, page tables, segment
 * descriptors and PVH's start_info, of any numbers, each read by a second reader as a processor
 * or a kernel would. */
#include "fuzz.h"

#include "tables/gdt.h"
#include "tables/mptable.h"
#include "tables/page_tables.h"
#include "tables/start_info.h"

enum { RAM_SIZE = 0x20000, PAGE = 4096 };

static const uint64_t places[] = {0,        0x1000,   0x9000,         RAM_SIZE - PAGE_TABLES_SIZE,
				  RAM_SIZE, 0x100000, UINT64_MAX - 8, 1ull << 32};
static struct ram ram;

static uint64_t load64(uint64_t address)
{
	uint8_t bytes[8];

	REQUIRE(ram_read(&ram, GPA(address), bytes, sizeof(bytes)));
	return get_le64(bytes);
}

/* --- the MP table, MultiProcessor Specification 1.4 §4 --- */

static void require_sum(const uint8_t *bytes, size_t count)
{
	uint8_t sum = 0;

	while (count--)
		sum = (uint8_t)(sum + *bytes++);
	REQUIRE(sum == 0);
}

struct mp_count {
	unsigned cpus, first, buses, ioapics, interrupts, locals;
};

static size_t read_entry(const struct mptable *fields, const uint8_t *entry, struct mp_count *count)
{
	switch (entry[0]) {
	case 0:
		REQUIRE(entry[1] == count->cpus++ && (entry[3] & 1));
		count->first += entry[3] >> 1 & 1;
		return 20;
	case 1:
		REQUIRE(entry[1] == 0 && !memcmp(entry + 2, "ISA   ", 6));
		count->buses++;
		return 8;
	case 2:
		/* An id of its own. */
		REQUIRE(entry[1] >= fields->cpus && (entry[3] & 1));
		REQUIRE(get_le32(entry + 4) == fields->ioapic);
		count->ioapics++;
		return 8;
	case 3:
		REQUIRE(entry[1] == 0 && entry[5] == count->interrupts && entry[6] == fields->cpus);
		REQUIRE(entry[7] == count->interrupts++);
		return 8;
	default:
		REQUIRE(entry[0] == 4 && (entry[1] == 1 || entry[1] == 3));
		count->locals++;
		return 8;
	}
}

static void fuzz_mptable(struct input *input)
{
	const struct mptable fields = {take32(input) & ~15u, 1 + take8(input) % 32,
				       take8(input) % 25, take32(input), take32(input)};
	uint8_t *table = malloc(MPTABLE_SIZE_MAX);
	struct mp_count count = {0};

	REQUIRE(table);
	memset(table, 0xee, MPTABLE_SIZE_MAX);
	size_t size = mptable_build(&fields, table);
	const uint8_t *header = table + 16;
	REQUIRE(!memcmp(table, "_MP_", 4) && get_le32(table + 4) == fields.address + 16);
	require_sum(table, 16);
	REQUIRE(!memcmp(header, "PCMP", 4) && get_le16(header + 4) == size - 16);
	REQUIRE(get_le32(header + 36) == fields.lapic);
	require_sum(header, size - 16);
	size_t at = 16 + 44;
	for (unsigned left = get_le16(header + 34); left; left--) {
		REQUIRE(at < size);
		at += read_entry(&fields, table + at, &count);
	}
	REQUIRE(at == size && count.cpus == fields.cpus && count.interrupts == fields.gsis);
	REQUIRE(count.first == 1 && count.buses == 1 && count.ioapics == 1 && count.locals == 2);
	free(table);
}

/* --- page tables: Intel's manual, volume 3, §4.5 --- */

/* As the processor walks; false if there is no such page. */
static bool translate(uint64_t root, uint64_t address, uint64_t *physical)
{
	uint64_t entry = root;

	for (unsigned shift = 39; shift >= 21; shift -= 9) {
		entry = load64((entry & ~0xfffull) + 8 * (address >> shift & 511));
		if (!(entry & 1))
			return false;
		REQUIRE(entry & 2);
		REQUIRE(!(entry & 0x80) == (shift != 21)); /* a large page is the last step */
	}
	*physical = (entry & ~0x1fffffull) | (address & 0x1fffff);
	return true;
}

static void fuzz_page_tables(struct input *input)
{
	uint64_t root = take_near(input, places, COUNT(places)) & ~(uint64_t)(PAGE - 1);

	if (!page_tables_write(&ram, root)) {
		REQUIRE(root > RAM_SIZE - PAGE_TABLES_SIZE);
		return;
	}
	for (unsigned tries = 4; tries--;) {
		uint64_t address = take64(input), physical;
		bool low = address < 1ull << 32;

		/* Canonical, and often where there is a page. */
		address &= address & 1 ? 0xffffffff : (1ull << 47) - 1;
		low |= address < 1ull << 32;
		REQUIRE(translate(root, address, &physical) == low);
		REQUIRE(!low || physical == address);
	}
}

/* --- segments: §3.4.5 --- */

static void fuzz_gdt(struct input *input)
{
	uint64_t table = take_near(input, places, COUNT(places));
	bool long_mode = take8(input) & 1;

	if (!gdt_write(&ram, table, long_mode)) {
		REQUIRE(table > RAM_SIZE - 5 * 8);
		return;
	}
	for (unsigned selector = 0x10; selector <= 0x18; selector += 8) {
		uint64_t entry = load64(table + selector);
		bool code = selector == 0x10;

		REQUIRE((entry & 0xffff) == 0xffff && (entry >> 48 & 15) == 15); /* limit */
		REQUIRE(!(entry >> 16 & 0xffffff) && !(entry >> 56));            /* base */
		REQUIRE((entry >> 40 & 0xff) == (code ? 0x9b : 0x93));
		REQUIRE((entry >> 53 & 7) == (code && long_mode ? 5 : 6)); /* G, and L or D */
	}
	REQUIRE((load64(table + 0x20) >> 40 & 0x9f) == 0x8b && load64(table) == 0);
}

/* --- start_info: Xen's start_info.h --- */

static void fuzz_start_info(struct input *input)
{
	struct memmap map = {.count = take8(input) % (MEMMAP_MAX + 1)};
	const struct start_info fields = {take64(input), take64(input),
					  take64(input), take8(input) & 1 ? take64(input) : 0,
					  take64(input), &map};
	uint8_t *out = malloc(START_INFO_SIZE);

	REQUIRE(out);
	memset(out, 0xee, START_INFO_SIZE);
	for (unsigned i = 0; i < map.count; i++)
		map.entry[i] =
			(struct memmap_entry){take64(input), take64(input),
					      take8(input) & 1 ? MEMMAP_RAM : MEMMAP_RESERVED};
	start_info_build(&fields, out);
	REQUIRE(get_le32(out) == 0x336ec578 && get_le32(out + 4) == 1);
	REQUIRE(get_le64(out + 24) == fields.cmdline && get_le64(out + 32) == fields.rsdp);
	REQUIRE(get_le32(out + 12) == (fields.initrd_size != 0));
	if (fields.initrd_size) {
		const uint8_t *module = out + (get_le64(out + 16) - fields.address);

		REQUIRE(module >= out + 56 && module + 32 <= out + START_INFO_SIZE);
		REQUIRE(get_le64(module) == fields.initrd &&
			get_le64(module + 8) == fields.initrd_size);
	}
	const uint8_t *entry = out + (get_le64(out + 40) - fields.address);
	REQUIRE(get_le32(out + 48) == map.count && entry >= out + 56);
	REQUIRE(entry + 24 * map.count <= out + START_INFO_SIZE);
	for (unsigned i = 0; i < map.count; i++, entry += 24) {
		REQUIRE(get_le64(entry) == map.entry[i].address);
		REQUIRE(get_le64(entry + 8) == map.entry[i].size);
		REQUIRE(get_le32(entry + 16) == map.entry[i].type && !get_le32(entry + 20));
	}
	free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const all[])(struct input *) = {fuzz_mptable, fuzz_page_tables, fuzz_gdt,
						      fuzz_start_info};
	struct input input = {data, size};
	struct problem problem;

	if (!ram.range[0].size)
		REQUIRE(ram_reserve(&ram, RAM_SIZE, 0, 0xc0000000, 1ull << 32, &problem));
	all[take8(&input) % COUNT(all)](&input);
	return 0;
}
