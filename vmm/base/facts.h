/* What the host's files say, and who may access them. Pure functions: text in, facts out. */
#ifndef MAYFLY_FACTS_H
#define MAYFLY_FACTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

/* True if RELEASE (uname(2): "6.12.3-1-amd64") is MAJOR.MINOR or newer. */
bool facts_is_release(const char *release, unsigned major, unsigned minor);

/* True if WORD is in the first line "FIELD : words" of TEXT (/proc/cpuinfo). */
bool facts_has_word(const char *text, const char *field, const char *word);

/* NUMBER from the first line "FIELD: number" of TEXT (/proc/meminfo, in KiB). False if there is
 * none. */
bool facts_number(const char *text, const char *field, uint64_t *number);

/* Cuts TEXT down to the word in square brackets ("always [madvise] never"), or to "" if there is
 * none. */
void facts_choice(char *text);

/* Writes the name of ID to NAME, of SIZE bytes. FILE is /etc/passwd or /etc/group (passwd(5),
 * group(5)). If FILE has no name for ID, writes the number. */
void facts_name(struct bytes file, uint32_t id, char *name, size_t size);

/* True if FILE (/etc/group) lists USER as a member of GROUP. */
bool facts_is_member(struct bytes file, uint32_t group, const char *user);

/* A file's mode, owner and group, from stat(2). */
struct facts_file {
	uint32_t mode, user, group;
};

struct facts_user {
	uint32_t user;
	const uint32_t *group;
	size_t groups;
};

enum facts_access {
	FACTS_MAY,  /* the mode lets the user read and write */
	FACTS_JOIN, /* it would if the user joined the file's group */
	FACTS_MODE, /* it does not, and the group would not help or is root's */
};

/* Ignores capabilities and access control lists (path_resolution(7)). */
enum facts_access facts_access(const struct facts_file *file, const struct facts_user *user);

bool facts_is_in_group(const struct facts_user *user, uint32_t group);

#endif
