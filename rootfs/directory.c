#include "rootfs/directory.h"

#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

struct entry {
	uint64_t inode, offset;
	unsigned short length;
	unsigned char type;
	char name[];
};

static bool is_child(const char *name)
{
	return strcmp(name, ".") && strcmp(name, "..");
}

bool directory_each(int fd, bool (*visit)(void *context, int fd, const char *name), void *context)
{
	_Alignas(struct entry) char buffer[2048];
	bool fine = true;
	long size;

	while (fine && (size = syscall(SYS_getdents64, fd, buffer, sizeof(buffer))) > 0)
		for (long at = 0; fine && at < size;) {
			const struct entry *entry = (const struct entry *)(void *)(buffer + at);

			at += entry->length;
			fine = !is_child(entry->name) || visit(context, fd, entry->name);
		}
	return fine && size == 0;
}
