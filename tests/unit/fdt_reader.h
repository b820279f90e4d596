/* A reader of flattened device trees, made from the Devicetree Specification 0.4 §5 and not from
 * the code under test. Paths are like "/cpus/cpu@0"; the root's is "". */
#ifndef MAYFLY_FDT_READER_H
#define MAYFLY_FDT_READER_H

#include "unit.h"

/* §5.4.1 */
enum { DT_BEGIN_NODE = 1, DT_END_NODE = 2, DT_PROP = 3, DT_NOP = 4, DT_END = 9 };

/* §5.2: offsets of the header's fields. */
enum {
	DT_MAGIC = 0,
	DT_TOTALSIZE = 4,
	DT_OFF_STRUCT = 8,
	DT_OFF_STRINGS = 12,
	DT_OFF_MEM_RSVMAP = 16,
	DT_VERSION = 20,
	DT_LAST_COMP_VERSION = 24,
	DT_BOOT_CPUID_PHYS = 28,
	DT_SIZE_STRINGS = 32,
	DT_SIZE_STRUCT = 36,
	DT_HEADER_END = 40,
};

static inline uint32_t get_be32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static inline uint64_t get_be64(const uint8_t *p)
{
	return (uint64_t)get_be32(p) << 32 | get_be32(p + 4);
}

/* A property, and where it was found. */
struct dt_property {
	const uint8_t *value;
	uint32_t size;
	const char *name;
};

/* A walk through the structure block, a token at a time. */
struct dt_walk {
	const uint8_t *blob, *at, *end, *strings;
	uint32_t strings_size;
	char path[512];
	unsigned depth;
	struct dt_property property; /* when DT_PROP was the token */
};

static inline struct dt_walk dt_begin(const uint8_t *blob)
{
	const uint8_t *structure = blob + get_be32(blob + DT_OFF_STRUCT);

	return (struct dt_walk){
		.blob = blob,
		.at = structure,
		.end = structure + get_be32(blob + DT_SIZE_STRUCT),
		.strings = blob + get_be32(blob + DT_OFF_STRINGS),
		.strings_size = get_be32(blob + DT_SIZE_STRINGS),
	};
}

static inline const uint8_t *dt_take(struct dt_walk *walk, size_t size)
{
	const uint8_t *bytes = walk->at;

	assert_true(size <= (size_t)(walk->end - walk->at));
	walk->at += size;
	return bytes;
}

/* §5.4.1: "The next token is aligned", "zeroed padding". */
static inline void dt_align(struct dt_walk *walk)
{
	while ((walk->at - walk->blob) % 4)
		assert_int_equal(*dt_take(walk, 1), 0);
}

/* §5.4.1: the unit name, NUL-terminated; the root's is empty. */
static inline void dt_enter(struct dt_walk *walk)
{
	size_t length = strlen(walk->path);
	const char *name = (const char *)walk->at;
	size_t size = strnlen(name, (size_t)(walk->end - walk->at)) + 1;

	dt_take(walk, size);
	assert_true((size == 1) == (walk->depth == 0));
	if (walk->depth++) {
		assert_true(length + size < sizeof(walk->path));
		walk->path[length] = '/';
		memcpy(walk->path + length + 1, name, size);
	}
}

static inline void dt_leave(struct dt_walk *walk)
{
	char *slash = strrchr(walk->path, '/');

	assert_true(walk->depth > 0);
	walk->depth--;
	if (slash)
		*slash = '\0';
}

static inline void dt_take_property(struct dt_walk *walk)
{
	uint32_t size = get_be32(dt_take(walk, 4)), name = get_be32(dt_take(walk, 4));

	assert_true(walk->depth > 0);
	assert_true(name < walk->strings_size);
	assert_non_null(memchr(walk->strings + name, '\0', walk->strings_size - name));
	walk->property = (struct dt_property){
		.value = dt_take(walk, size),
		.size = size,
		.name = (const char *)walk->strings + name,
	};
}

static inline uint32_t dt_next(struct dt_walk *walk)
{
	uint32_t token = get_be32(dt_take(walk, 4));

	switch (token) {
	case DT_BEGIN_NODE:
		dt_enter(walk);
		break;
	case DT_END_NODE:
		dt_leave(walk);
		break;
	case DT_PROP:
		dt_take_property(walk);
		break;
	case DT_END:
		assert_int_equal(walk->depth, 0);
		assert_ptr_equal(walk->at, walk->end);
		break;
	default:
		fail_msg("token %u", token);
	}
	dt_align(walk);
	return token;
}

/* §5.1, §5.2, §5.3: the header, and blocks in their order, where they are aligned and touch
 * nothing else. */
static inline void dt_check_header(const uint8_t *blob, size_t size)
{
	uint32_t structure = get_be32(blob + DT_OFF_STRUCT);
	uint32_t strings = get_be32(blob + DT_OFF_STRINGS);
	uint32_t reservations = get_be32(blob + DT_OFF_MEM_RSVMAP);

	assert_true(size >= DT_HEADER_END);
	assert_int_equal(get_be32(blob + DT_MAGIC), 0xd00dfeed);
	assert_int_equal(get_be32(blob + DT_TOTALSIZE), size);
	assert_int_equal(get_be32(blob + DT_VERSION), 17);
	assert_int_equal(get_be32(blob + DT_LAST_COMP_VERSION), 16);
	assert_int_equal(get_be32(blob + DT_BOOT_CPUID_PHYS), 0);
	assert_int_equal(reservations % 8, 0);
	assert_int_equal(structure % 4, 0);
	assert_true(reservations >= DT_HEADER_END && structure >= reservations + 16);
	assert_true(strings >= structure + get_be32(blob + DT_SIZE_STRUCT));
	assert_true(size >= strings + get_be32(blob + DT_SIZE_STRINGS));
	/* The reservations end with a pair of zeros, and there are none. */
	assert_true(get_be64(blob + reservations) == 0 && get_be64(blob + reservations + 8) == 0);
}

/* §2.2.1, §2.2.4.1: the name of a node (up to the unit address, if it has one) or of a property. */
static inline bool dt_is_name(const char *name, const char *others)
{
	size_t length = strcspn(name, "@");

	for (const char *c = name; *c; c++)
		if (!(*c >= '0' && *c <= '9') && !(*c >= 'a' && *c <= 'z') &&
		    !(*c >= 'A' && *c <= 'Z') && !strchr(others, *c))
			return false;
	return length >= 1 && length <= 31;
}

/* All of a tree: properties come before children (§5.4.2), everything is where it may be. */
static inline void dt_check(const uint8_t *blob, size_t size)
{
	uint32_t token, last = 0, nodes = 0;

	dt_check_header(blob, size);
	struct dt_walk walk = dt_begin(blob);
	while ((token = dt_next(&walk)) != DT_END) {
		assert_true(token != DT_PROP || last != DT_END_NODE);
		assert_true(token != DT_PROP || dt_is_name(walk.property.name, ",._+?#-"));
		assert_true(token != DT_BEGIN_NODE || walk.depth == 1 ||
			    dt_is_name(strrchr(walk.path, '/') + 1, ",._+-@"));
		nodes += token == DT_BEGIN_NODE && walk.depth == 1;
		last = token;
	}
	assert_int_equal(nodes, 1); /* one root */
}

static inline bool dt_has_node(const uint8_t *blob, const char *path)
{
	struct dt_walk walk = dt_begin(blob);
	uint32_t token;

	while ((token = dt_next(&walk)) != DT_END)
		if (token == DT_BEGIN_NODE && !strcmp(walk.path, path))
			return true;
	return false;
}

/* How many nodes have a path that begins with PREFIX. */
static inline unsigned dt_count(const uint8_t *blob, const char *prefix)
{
	struct dt_walk walk = dt_begin(blob);
	unsigned count = 0;
	uint32_t token;

	while ((token = dt_next(&walk)) != DT_END)
		count += token == DT_BEGIN_NODE && !strncmp(walk.path, prefix, strlen(prefix));
	return count;
}

/* A value of NULL: there is none. */
static inline struct dt_property dt_find(const uint8_t *blob, const char *path, const char *name)
{
	struct dt_walk walk = dt_begin(blob);
	uint32_t token;

	while ((token = dt_next(&walk)) != DT_END)
		if (token == DT_PROP && !strcmp(walk.path, path) &&
		    !strcmp(walk.property.name, name))
			return walk.property;
	return (struct dt_property){0};
}

static inline struct dt_property dt_get(const uint8_t *blob, const char *path, const char *name)
{
	struct dt_property property = dt_find(blob, path, name);

	if (!property.value)
		fail_msg("no %s in \"%s\"", name, path);
	return property;
}

/* A property of COUNT cells; cell INDEX of them. */
static inline uint32_t dt_cell(const uint8_t *blob, const char *path, const char *name,
			       unsigned index, unsigned count)
{
	struct dt_property property = dt_get(blob, path, name);

	assert_each(property.size == 4 * count, name, property.size);
	return get_be32(property.value + 4 * index);
}

/* The same of 64-bit numbers. */
static inline uint64_t dt_number(const uint8_t *blob, const char *path, const char *name,
				 unsigned index, unsigned count)
{
	struct dt_property property = dt_get(blob, path, name);

	assert_each(property.size == 8 * count, name, property.size);
	return get_be64(property.value + 8 * index);
}

/* One string, with its NUL. */
static inline const char *dt_text(const uint8_t *blob, const char *path, const char *name)
{
	struct dt_property property = dt_get(blob, path, name);

	assert_each(property.size > 0, name, property.size);
	assert_ptr_equal(memchr(property.value, '\0', property.size),
			 property.value + property.size - 1);
	return (const char *)property.value;
}

#endif
