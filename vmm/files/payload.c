#include "files/payload.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/keep.h"
#include "base/words.h"
#include "base/xxh64.h"

/* The end of the ELF file: the linker puts the section headers last. 0: not a 64-bit ELF file. */
static uint64_t launcher_size(int fd)
{
	Elf64_Ehdr header;

	if (pread(fd, &header, sizeof(header), 0) != sizeof(header) ||
	    memcmp(header.e_ident, ELFMAG, SELFMAG) || header.e_ident[EI_CLASS] != ELFCLASS64)
		return 0;
	return header.e_shoff + (uint64_t)header.e_shnum * header.e_shentsize;
}

static enum payload_state damaged(const char *name, const char *what, struct problem *problem)
{
	problem_set(problem, "%s %s (copy it again, or pack it anew)", name, what);
	return PAYLOAD_DAMAGED;
}

static bool take_parts(struct bytes file, const uint8_t *trailer, struct payload *payload)
{
	for (unsigned i = 0; i < PAYLOAD_PARTS; i++) {
		uint64_t offset = get_le64(trailer + 8 + 16 * i);
		uint64_t size = get_le64(trailer + 16 + 16 * i);

		if (offset < payload->launcher || !bytes_have(file, offset, size))
			return false;
		payload->part[i] = (struct bytes){file.data + offset, size};
	}
	return true;
}

static enum payload_state take(struct bytes file, const char *name, struct payload *payload,
			       struct problem *problem)
{
	const uint8_t *trailer = file.data + file.size - PAYLOAD_TRAILER_SIZE;
	uint64_t begin = align_up(payload->launcher, PAYLOAD_ALIGN);
	uint64_t end = file.size - 8;

	if (begin > end || memcmp(trailer, PAYLOAD_MAGIC, 8))
		return damaged(name, "is cut short", problem);
	if (xxh64((struct bytes){file.data + begin, end - begin}, 0) != get_le64(file.data + end) ||
	    !take_parts(file, trailer, payload))
		return damaged(name, "was changed since it was packed", problem);
	return PAYLOAD_FOUND;
}

static enum payload_state look(int fd, const char *name, struct payload *payload,
			       struct problem *problem)
{
	struct stat stat;
	struct bytes file;

	payload->launcher = launcher_size(fd);
	if (fstat(fd, &stat) < 0 || !payload->launcher ||
	    (uint64_t)stat.st_size <= payload->launcher)
		return PAYLOAD_NONE;
	file.size = (size_t)stat.st_size;
	if (file.size < payload->launcher + PAYLOAD_TRAILER_SIZE)
		return damaged(name, "is cut short", problem);
	file.data = mmap(NULL, file.size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (file.data == MAP_FAILED)
		return damaged(name, strerror(errno), problem);
	return take(file, name, payload, problem);
}

enum payload_state payload_open(const char *path, const char *name, struct payload *payload,
				struct problem *problem)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	enum payload_state state;

	*payload = (struct payload){0};
	if (fd < 0)
		return PAYLOAD_NONE;
	state = look(fd, name, payload, problem);
	close(fd);
	return state;
}

char **payload_words(const struct payload *payload, char **arguments)
{
	struct bytes text = payload->part[PAYLOAD_WORDS];
	struct words words = {0};

	for (size_t at = 0; at < text.size;
	     at += strnlen((const char *)text.data + at, text.size - at) + 1)
		words_add(&words, keep_text((const char *)text.data + at,
					    strnlen((const char *)text.data + at, text.size - at)));
	for (; *arguments; arguments++)
		words_add(&words, *arguments);
	return words.word;
}
