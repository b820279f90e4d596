#include "base/facts.h"

#include <string.h>

#include "base/number.h"
#include "base/report.h"
#include "base/text.h"

bool facts_is_release(const char *release, unsigned major, unsigned minor)
{
	uint64_t first, second = 0;

	if (!number_take(&release, &first))
		return false;
	if (*release++ == '.')
		number_take(&release, &second);
	return first > major || (first == major && second >= minor);
}

/* The text after the colon in the first line of FIELD; NULL if there is none. */
static const char *find_field(const char *text, const char *field)
{
	size_t length = strlen(field);

	while (text && *text) {
		const char *colon = text + length;

		if (!strncmp(text, field, length)) {
			colon += strspn(colon, " \t");
			if (*colon == ':')
				return colon + 1;
		}
		text = strchr(text, '\n');
		text = text ? text + 1 : NULL;
	}
	return NULL;
}

bool facts_has_word(const char *text, const char *field, const char *word)
{
	const char *value = find_field(text, field);
	size_t size = strlen(word);

	while (value && *value && *value != '\n') {
		size_t length = strcspn(value, " \t\n");

		if (length == size && !memcmp(value, word, size))
			return true;
		value += length;
		value += strspn(value, " \t");
	}
	return false;
}

bool facts_number(const char *text, const char *field, uint64_t *number)
{
	const char *value = find_field(text, field);

	if (!value)
		return false;
	value += strspn(value, " \t");
	return number_take(&value, number);
}

void facts_choice(char *text)
{
	const char *open = strchr(text, '[');
	size_t length = open ? strcspn(open + 1, "]") : 0;

	if (open)
		memmove(text, open + 1, length);
	text[length] = '\0';
}

/* --- passwd(5) and group(5): name, password, number, …, between colons --- */

/* Takes the next field of TEXT, which ends at SEPARATOR or at the end of TEXT. */
static struct bytes take(struct bytes *text, char separator)
{
	const uint8_t *end = text->size ? memchr(text->data, separator, text->size) : NULL;
	struct bytes taken = {text->data, end ? (size_t)(end - text->data) : text->size};
	size_t past = taken.size + (end ? 1 : 0);

	*text = (struct bytes){text->data + past, text->size - past};
	return taken;
}

static bool is_number(struct bytes text, uint32_t number)
{
	struct text digits;

	text_set(&digits, "%u", number);
	return text.size == strlen(digits.text) && !memcmp(text.data, digits.text, text.size);
}

/* The name in the line of ID. *REST is the text after its number. */
static struct bytes find_line(struct bytes file, uint32_t id, struct bytes *rest)
{
	while (file.size) {
		struct bytes line = take(&file, '\n'), name = take(&line, ':');

		take(&line, ':');
		if (is_number(take(&line, ':'), id)) {
			*rest = line;
			return name;
		}
	}
	return *rest = (struct bytes){0};
}

void facts_name(struct bytes file, uint32_t id, char *name, size_t size)
{
	struct text text;
	struct bytes rest, found = find_line(file, id, &rest);

	text_set(&text, "%u", id);
	if (!found.size)
		found = (struct bytes){(const uint8_t *)text.text, strlen(text.text)};
	if (found.size >= size)
		found.size = size - 1;
	memcpy(name, found.data, found.size);
	name[found.size] = '\0';
}

bool facts_is_member(struct bytes file, uint32_t group, const char *user)
{
	struct bytes rest;

	find_line(file, group, &rest);
	while (rest.size) {
		struct bytes member = take(&rest, ',');

		if (member.size == strlen(user) && !memcmp(member.data, user, member.size))
			return true;
	}
	return false;
}

/* --- access --- */

bool facts_is_in_group(const struct facts_user *user, uint32_t group)
{
	for (size_t i = 0; i < user->groups; i++)
		if (user->group[i] == group)
			return true;
	return false;
}

static bool may(uint32_t bits)
{
	return (bits & 6) == 6;
}

enum facts_access facts_access(const struct facts_file *file, const struct facts_user *user)
{
	bool owns = file->user == user->user, belongs = facts_is_in_group(user, file->group);
	uint32_t bits = owns ? file->mode >> 6 : belongs ? file->mode >> 3 : file->mode;

	if (may(bits))
		return FACTS_MAY;
	return !owns && !belongs && file->group && may(file->mode >> 3) ? FACTS_JOIN : FACTS_MODE;
}
