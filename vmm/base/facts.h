/* What a host's files say, and who may do what. Pure: text in, facts out. */
#ifndef MAYFLY_FACTS_H
#define MAYFLY_FACTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

/* The release of a kernel (uname(2): "6.12.3-1-amd64") is MAJOR.MINOR or newer. */
bool facts_is_release(const char *release, unsigned major, unsigned minor);

/* WORD is one of those in the first line "FIELD : words" of TEXT (/proc/cpuinfo). */
bool facts_has_word(const char *text, const char *field, const char *word);

/* The number in the first line "FIELD: number" of TEXT (/proc/meminfo, in KiB). False if there
 * is none. */
bool facts_number(const char *text, const char *field, uint64_t *number);

/* Cuts TEXT down to the word that is in square brackets there ("always [madvise] never"); to
 * none, if none is. */
void facts_choice(char *text);

/* Writes the name of ID in FILE (/etc/passwd or /etc/group: passwd(5), group(5)), or else its
 * number, to NAME, of SIZE bytes. */
void facts_name(struct bytes file, uint32_t id, char *name, size_t size);

/* USER is one of the members that the line of GROUP in FILE (/etc/group) lists. */
bool facts_is_member(struct bytes file, uint32_t group, const char *user);

/* A file's mode and whose it is, as stat(2) says; and who asks. */
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
	FACTS_JOIN, /* it would, in the file's group */
	FACTS_MODE, /* it does not, and that group would be no help, or is root's */
};

/* Capabilities and access control lists are not looked at (path_resolution(7)). */
enum facts_access facts_access(const struct facts_file *file, const struct facts_user *user);

bool facts_is_in_group(const struct facts_user *user, uint32_t group);

#endif
