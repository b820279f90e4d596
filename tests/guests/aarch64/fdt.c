#include "fdt.h"

enum { BEGIN_NODE = 1, END_NODE = 2, PROP = 3, NOP = 4 };

const struct fdt_header *fdt;

static uint32_t big(uint32_t value)
{
	return __builtin_bswap32(value);
}

static const void *at(uint32_t offset)
{
	return (const uint8_t *)fdt + big(offset);
}

static bool same(const char *one, const char *other)
{
	while (*one && *one == *other)
		one++, other++;
	return *one == *other;
}

/* Whether NODE, less its unit address, is what PATH names after DEPTH slashes. */
static bool is_on(const char *path, unsigned depth, const char *node)
{
	while (depth && *path)
		if (*path++ == '/')
			depth--;
	if (depth)
		return false;
	while (*node && *node != '@' && *node == *path)
		node++, path++;
	return (!*node || *node == '@') && (!*path || *path == '/');
}

static unsigned steps(const char *path)
{
	unsigned count = 1;

	for (; *path; path++)
		count += *path == '/' && path[1];
	return count;
}

static const uint32_t *after(const void *bytes, uint32_t size)
{
	return (const uint32_t *)bytes + (size + 3) / 4;
}

static uint32_t length(const char *text)
{
	uint32_t size = 0;

	while (text[size])
		size++;
	return size;
}

/* The root has no name. DEPTH nodes are open, and the first MATCHED of them are PATH's. */
struct fdt_value fdt_find(const char *path, unsigned index, const char *name)
{
	const uint32_t *token = at(fdt->off_dt_struct);
	const char *names = at(fdt->off_dt_strings);
	unsigned depth = 0, matched = 0, wanted = steps(path);

	for (;;)
		switch (big(*token++)) {
		case BEGIN_NODE:
			if (matched == depth && is_on(path, depth, (const char *)token))
				matched++;
			depth++;
			token = after(token, length((const char *)token) + 1);
			break;
		case END_NODE:
			depth--;
			if (matched > depth)
				matched = depth;
			break;
		case PROP:
			if (depth == wanted && matched == wanted &&
			    same(names + big(token[1]), name) && !index--)
				return (struct fdt_value){(const uint8_t *)(token + 2),
							  big(token[0])};
			token = after(token + 2, big(token[0]));
			break;
		case NOP:
			break;
		default:
			return (struct fdt_value){NULL, 0};
		}
}

uint32_t fdt_u32(struct fdt_value value, uint32_t offset)
{
	if (!value.bytes || offset + 4 > value.size)
		return 0;
	return big(*(const uint32_t *)(const void *)(value.bytes + offset));
}

uint64_t fdt_u64(struct fdt_value value, uint32_t offset)
{
	return (uint64_t)fdt_u32(value, offset) << 32 | fdt_u32(value, offset + 4);
}

bool fdt_is(struct fdt_value value, const char *text)
{
	for (uint32_t i = 0; i < value.size; i += length((const char *)value.bytes + i) + 1)
		if (same((const char *)value.bytes + i, text))
			return true;
	return false;
}
