#include "base/path.h"

#include <string.h>

const char *path_last(const char *path, size_t *length)
{
	const char *end = path + strlen(path), *last;

	while (end > path && end[-1] == '/')
		end--;
	for (last = end; last > path && last[-1] != '/';)
		last--;
	*length = (size_t)(end - last);
	return last;
}
