#include "archive/compressed.h"

#include <string.h>

static const struct compressor {
	size_t length;
	const char *magic; /* the first LENGTH bytes of a file */
	const char *name;
	const char *command; /* unpacks to standard output */
} compressors[] = {
	{2, "\x1f\x8b", "gzip", "gunzip -c"},
	{6, "\xfd\x37zXZ", "xz", "xz -dc"},
	{4, "\x28\xb5\x2f\xfd", "zstd", "zstd -dc"},
	{4, "\x02\x21\x4c\x18", "lz4", "lz4 -dc"},
	{3, "BZh", "bzip2", "bzip2 -dc"},
	{3, "\x5d\x00\x00", "lzma", "xz -dc"},
	{4, "\x89LZO", "lzo", "lzop -dc"},
};

enum { COMPRESSORS = sizeof(compressors) / sizeof(compressors[0]) };

const char *compressed_command(struct bytes file, uint64_t offset)
{
	for (size_t i = 0; i < COMPRESSORS; i++)
		if (bytes_hold(file, offset, compressors[i].name, strlen(compressors[i].name)))
			return compressors[i].command;
	return NULL;
}

static const struct compressor *find(struct bytes file)
{
	for (size_t i = 0; i < COMPRESSORS; i++)
		if (bytes_hold(file, 0, compressors[i].magic, compressors[i].length))
			return &compressors[i];
	return NULL;
}

bool compressed_known(struct bytes file)
{
	return find(file);
}

bool compressed_explain(struct bytes file, const char *unpacked, struct problem *problem)
{
	const struct compressor *seen = find(file);

	if (seen)
		problem_set(problem, "is compressed with %s (unpack it first: %s FILE >%s)",
			    seen->name, seen->command, unpacked);
	return seen;
}
