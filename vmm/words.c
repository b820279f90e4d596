#include "words.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "exitcode.h"
#include "report.h"

/* What was given out, so that a leak checker finds it. */
struct kept {
	struct kept *next;
	max_align_t memory[];
};

static struct kept *all;

void *keep(size_t size)
{
	struct kept *kept = calloc(1, sizeof(*kept) + size);

	if (!kept) {
		report("cannot get %zu bytes: %s (free some memory)", size, strerror(errno));
		_exit(CODE_MAYFLY_FAILED);
	}
	kept->next = all;
	all = kept;
	return kept->memory;
}

char *keep_text(const char *text, size_t length)
{
	return memcpy(keep(length + 1), text, length);
}

void keep_release(void)
{
	while (all) {
		struct kept *first = all;

		all = first->next;
		free(first);
	}
}

void words_add(struct words *words, char *word)
{
	if (words->count + 1 >= words->room) {
		size_t room = words->room ? 2 * words->room : 16;
		char **larger = keep(room * sizeof(*larger));

		if (words->count)
			memcpy(larger, words->word, words->count * sizeof(*larger));
		words->word = larger;
		words->room = room;
	}
	words->word[words->count++] = word;
}
