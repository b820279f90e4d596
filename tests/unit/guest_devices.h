/* Devices of a guest, which are all disks of one file in memory unless a test adds others. */
#ifndef MAYFLY_GUEST_DEVICES_H
#define MAYFLY_GUEST_DEVICES_H

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "base/fdplan.h"
#include "child.h"
#include "machine/devices.h"

static struct devices devices;
static struct options options;
static struct problem problem;
static struct ram ram;
static char disk_name[32];

static inline int set_up_devices(void)
{
	int memory = memfd_create("disk", 0);

	memset(&devices, 0, sizeof(devices));
	memset(&options, 0, sizeof(options));
	problem_clear(&problem);
	snprintf(disk_name, sizeof(disk_name), "/proc/self/fd/%d", memory);
	if (memory < 0 || ftruncate(memory, 65536) < 0)
		return -1;
	return ram_reserve(&ram, 16 * MIB, 0, 3 * GIB, 4 * GIB, &problem) ? 0 : -1;
}

static inline int tear_down(void **state)
{
	(void)state;
	ram_release(&ram);
	close(atoi(disk_name + strlen("/proc/self/fd/")));
	for (int fd = FD_STATS; fd < FD_END; fd++)
		close(fd);
	return 0;
}

static inline struct disk_options *add_option(unsigned queues)
{
	struct disk_options *disk = &options.disk[options.disks++];

	*disk = (struct disk_options){.path = disk_name, .queues = queues, .read_only = true};
	return disk;
}

static inline void open_devices(void)
{
	if (!devices_open(&devices, &options, NULL, &ram, &problem))
		fail_msg("%s", in_words(&problem));
}

#define CHECK(condition)                                                              \
	do {                                                                          \
		if (!(condition)) {                                                   \
			dprintf(STDERR_FILENO, "%d: %s (%s)\n", __LINE__, #condition, \
				in_words(&problem));                                        \
			return CHILD_FAILED;                                          \
		}                                                                     \
	} while (0)

#define DEVICES_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

#endif
