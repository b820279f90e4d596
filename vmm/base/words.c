#include "base/words.h"

#include <string.h>

#include "base/keep.h"

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
