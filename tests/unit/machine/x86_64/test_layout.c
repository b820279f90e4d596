/* The x86-64 memory map: what firmware tells, and that nothing lies on anything else. */
#include "arch_layout.h"

#include <linux/virtio_blk.h>

#include "tables/acpi.h"
#include "kernel/bzimage.h"
#include "kernel/cmdline.h"
#include "base/config.h"
#include "tables/mptable.h"
#include "tables/page_tables.h"
#include "regions.h"
#include "tables/start_info.h"
#include "unit.h"

static const struct region regions[] = {LAYOUT_REGIONS(REGION)};
static const struct region ports[] = {LAYOUT_PORTS(REGION)};

static const uint64_t sizes[] = {16 * MIB,       3 * GIB - PAGE, 3 * GIB,
				 3 * GIB + PAGE, 4 * GIB,        64 * GIB};

static void regions_do_not_overlap(void **state)
{
	(void)state;
	assert_disjoint(regions, COUNT(regions));
	assert_disjoint(ports, COUNT(ports));
	for (size_t i = 0; i < COUNT(ports); i++)
		assert_each(ports[i].first + ports[i].size <= 0x10000, ports[i].name,
			    ports[i].first);
}

/* What other specifications fix. */
static void addresses_that_are_given(void **state)
{
	(void)state;
	assert_true(LAYOUT_IOAPIC == 0xfec00000); /* MP Specification 1.4 §3.6.5 */
	assert_true(LAYOUT_LAPIC == 0xfee00000);  /* SDM 3A §11.4.1 */
	assert_true(LAYOUT_COM1 == 0x3f8 && GSI_COM1 == 4);
	assert_true(LAYOUT_COM2 == 0x2f8 && GSI_COM2 == 3);
	assert_true(LAYOUT_KEYBOARD == 0x64);
	/* The RSDP is looked for from 0xe0000 to 0xfffff on 16-byte boundaries (ACPI 6.4
	 * §5.2.5.1), the MP floating pointer from 0xf0000 (MP Specification §4). */
	assert_true(LAYOUT_ACPI >= 0xe0000 && LAYOUT_ACPI < 0x100000 && LAYOUT_ACPI % 16 == 0);
	assert_true(LAYOUT_MPTABLE >= 0xf0000 && LAYOUT_MPTABLE < 0x100000 &&
		    LAYOUT_MPTABLE % 16 == 0);
	/* The trampoline and the BIOS data end below 640 KiB. */
	assert_true(LAYOUT_EBDA + LAYOUT_EBDA_SIZE == 0xa0000);
	/* KVM_SET_TSS_ADDR: three pages within the first 4 GiB. */
	assert_true(LAYOUT_TSS_SIZE == 3 * PAGE && LAYOUT_TSS + LAYOUT_TSS_SIZE <= 4 * GIB);
	assert_true(LAYOUT_IDENTITY_MAP_SIZE == PAGE);
}

static void regions_hold_what_is_put_there(void **state)
{
	(void)state;
	assert_true(START_INFO_SIZE <= LAYOUT_START_INFO_SIZE);
	assert_true(ZERO_PAGE_SIZE <= LAYOUT_ZERO_PAGE_SIZE);
	assert_true(SETUP_DATA_SIZE <= LAYOUT_SETUP_DATA_SIZE);
	assert_true(PAGE_TABLES_SIZE <= LAYOUT_PAGE_TABLES_SIZE);
	assert_true(LAYOUT_PAGE_TABLES % PAGE == 0);
	assert_true(CMDLINE_CAPACITY <= LAYOUT_CMDLINE_SIZE);
	assert_true(ACPI_SIZE_MAX <= LAYOUT_ACPI_SIZE);
	assert_true(MPTABLE_SIZE_MAX <= LAYOUT_MPTABLE_SIZE);
	assert_true(ARCH_VIRTIO == LAYOUT_VIRTIO);
	assert_true(ARCH_VIRTIO_DEVICES * ARCH_VIRTIO_SIZE <= LAYOUT_VIRTIO_SIZE);
	assert_true(ARCH_VIRTIO_DEVICES >= DEVICES_MAX && ACPI_VIRTIO_MAX >= DEVICES_MAX);
	/* Registers, and configuration space from 0x100 (virtio 1.2 §4.2.2). */
	assert_true(ARCH_VIRTIO_SIZE >= 0x100 + sizeof(struct virtio_blk_config));
}

/* Registers are no memory, lie where 32 bits reach and a page each; nothing else has their
 * interrupts. */
static void devices_lie_in_the_hole(void **state)
{
	(void)state;
	assert_true(LAYOUT_VIRTIO >= ARCH_HOLE_START);
	assert_true(LAYOUT_VIRTIO + LAYOUT_VIRTIO_SIZE <= ARCH_HOLE_END);
	assert_true(LAYOUT_VIRTIO % PAGE == 0 && ARCH_VIRTIO_SIZE == PAGE);
	assert_true(ARCH_GSI_VIRTIO >= 16); /* above ISA's, so that none is shared */
	assert_true(ARCH_GSI_VIRTIO + ARCH_VIRTIO_DEVICES <= GSI_COUNT);
	assert_int_equal(GSI_COUNT, 24); /* inputs of KVM's I/O APIC */
	assert_true(ARCH_GSI_CONSOLE != ARCH_GSI_CHANNEL && ARCH_GSI_CONSOLE < 16 &&
		    ARCH_GSI_CHANNEL < 16);
}

static void ram_and_the_hole_meet(void **state)
{
	(void)state;
	assert_true(LAYOUT_RAM_LOW + LAYOUT_RAM_LOW_SIZE == ARCH_HOLE_START);
	assert_true(LAYOUT_RAM_HIGH == ARCH_HOLE_END);
	assert_true(ARCH_HOLE_START == 3 * GIB && ARCH_HOLE_END == 4 * GIB);
}

/* Types as in e820: 1 memory, 2 reserved. All but the end of memory is the same for every size. */
static void check_golden(uint64_t ram_size, uint64_t low_size, uint64_t high_size)
{
	const struct {
		uint64_t address, size;
		unsigned type;
	} golden[] = {
		{0, 0x9fc00, 1},             /* up to 639 KiB, as a BIOS reports it */
		{0x9fc00, 0x400, 2},         /* its data area */
		{0xe0000, 0x20000, 2},       /* ACPI and MP tables */
		{0x100000, low_size, 1},     /* from 1 MiB */
		{0x100000000, high_size, 1}, /* from 4 GiB */
	};
	unsigned count = high_size ? 5 : 4;
	struct memmap map;

	layout_memmap(ram_size, &map);
	assert_each(map.count == count, "number of entries", map.count);
	for (unsigned i = 0; i < count; i++) {
		assert_each(map.entry[i].address == golden[i].address, "address",
			    map.entry[i].address);
		assert_each(map.entry[i].size == golden[i].size, "size", map.entry[i].size);
		assert_each(map.entry[i].type == golden[i].type, "type", map.entry[i].type);
	}
}

static void memory_maps(void **state)
{
	(void)state;
	check_golden(16 * MIB, 0xf00000, 0);
	check_golden(3 * GIB - PAGE, 0xbfeff000, 0);
	check_golden(3 * GIB, 0xbff00000, 0);
	check_golden(3 * GIB + PAGE, 0xbff00000, 0x1000);
	check_golden(64 * GIB, 0xbff00000, 0xf40000000);
}

static void entries_ascend_and_avoid(void **state)
{
	(void)state;
	for (unsigned s = 0; s < COUNT(sizes); s++) {
		struct memmap map;
		uint64_t end = 0;

		layout_memmap(sizes[s], &map);
		assert_true(map.count <= MEMMAP_MAX);
		for (unsigned i = 0; i < map.count; i++) {
			const struct memmap_entry *entry = &map.entry[i];

			assert_each(entry->size > 0, "empty entry at", entry->address);
			assert_each(entry->address >= end, "overlap at", entry->address);
			end = entry->address + entry->size;
			assert_each(end > entry->address, "wraps", entry->address);
			assert_each(!overlap(entry->address, entry->size, ARCH_HOLE_START,
					     ARCH_HOLE_END - ARCH_HOLE_START),
				    "in the hole", entry->address);
		}
	}
}

static bool covered(const struct memmap *map, uint64_t first, uint64_t size, enum memmap_type type)
{
	for (unsigned i = 0; i < map->count; i++)
		if (map->entry[i].type == type && first >= map->entry[i].address &&
		    first + size <= map->entry[i].address + map->entry[i].size)
			return true;
	return false;
}

/* Boot data is in memory that the kernel may use later; tables that it reads later are reserved. */
static void boot_data_is_where_the_map_says(void **state)
{
	(void)state;
	for (unsigned s = 0; s < COUNT(sizes); s++) {
		struct memmap map;

		layout_memmap(sizes[s], &map);
		assert_true(covered(&map, LAYOUT_GDT, LAYOUT_GDT_SIZE, MEMMAP_RAM));
		assert_true(covered(&map, LAYOUT_START_INFO, LAYOUT_START_INFO_SIZE, MEMMAP_RAM));
		assert_true(covered(&map, LAYOUT_ZERO_PAGE, LAYOUT_ZERO_PAGE_SIZE, MEMMAP_RAM));
		assert_true(covered(&map, LAYOUT_SETUP_DATA, LAYOUT_SETUP_DATA_SIZE, MEMMAP_RAM));
		assert_true(covered(&map, LAYOUT_PAGE_TABLES, LAYOUT_PAGE_TABLES_SIZE, MEMMAP_RAM));
		assert_true(covered(&map, LAYOUT_CMDLINE, LAYOUT_CMDLINE_SIZE, MEMMAP_RAM));
		assert_true(covered(&map, LAYOUT_FREE_LOW, LAYOUT_FREE_LOW_SIZE, MEMMAP_RAM));
		assert_true(covered(&map, LAYOUT_EBDA, LAYOUT_EBDA_SIZE, MEMMAP_RESERVED));
		assert_true(covered(&map, LAYOUT_ACPI, LAYOUT_ACPI_SIZE, MEMMAP_RESERVED));
		assert_true(covered(&map, LAYOUT_MPTABLE, LAYOUT_MPTABLE_SIZE, MEMMAP_RESERVED));
	}
}

/* The map drawn in arch_layout.h is the whole truth: all memory that -m can ask for is in it. */
static void memory_stays_in_its_regions(void **state)
{
	(void)state;
	for (unsigned s = 0; s < COUNT(sizes); s++) {
		struct memmap map;

		layout_memmap(sizes[s], &map);
		for (unsigned i = 0; i < map.count; i++) {
			uint64_t end = map.entry[i].address + map.entry[i].size;

			if (map.entry[i].address == LAYOUT_RAM_LOW)
				assert_each(end <= LAYOUT_RAM_LOW + LAYOUT_RAM_LOW_SIZE, "low RAM",
					    end);
			if (map.entry[i].address == LAYOUT_RAM_HIGH)
				assert_each(end <= LAYOUT_RAM_HIGH + LAYOUT_RAM_HIGH_SIZE,
					    "beyond LAYOUT_RAM_HIGH", end);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(regions_do_not_overlap),
		cmocka_unit_test(addresses_that_are_given),
		cmocka_unit_test(regions_hold_what_is_put_there),
		cmocka_unit_test(devices_lie_in_the_hole),
		cmocka_unit_test(ram_and_the_hole_meet),
		cmocka_unit_test(memory_maps),
		cmocka_unit_test(entries_ascend_and_avoid),
		cmocka_unit_test(boot_data_is_where_the_map_says),
		cmocka_unit_test(memory_stays_in_its_regions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
