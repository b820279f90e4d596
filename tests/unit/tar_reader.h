/* A tar archive under construction, and its reader: what the next member is, or what is said of
 * the damage. */
#ifndef MAYFLY_TAR_READER_H
#define MAYFLY_TAR_READER_H

#include "archive/tar.h"

#include "tar_writer.h"
#include "unit.h"

static struct archive archive;
static struct tar tar;
static struct tar_member member;
static struct problem problem;

static inline int set_up(void **state)
{
	(void)state;
	archive.size = 0;
	return 0;
}

static inline void begin(void)
{
	tar = (struct tar){.file = {archive.data, archive.size}};
}

static inline enum tar_answer next(void)
{
	memset(&member, 0xee, sizeof(member));
	problem_clear(&problem);
	return tar_next(&tar, &member, &problem);
}

static inline void assert_member(const char *name)
{
	enum tar_answer answer = next();

	assert_string_equal(in_words(&problem), "");
	assert_int_equal(answer, TAR_MEMBER);
	assert_string_equal(member.name, name);
}

static inline void assert_end(void)
{
	enum tar_answer answer = next();

	assert_string_equal(in_words(&problem), "");
	assert_int_equal(answer, TAR_END);
}

static inline void assert_data(const char *data)
{
	assert_int_equal(member.data.size, strlen(data));
	assert_memory_equal(member.data.data, data, strlen(data));
}

static inline void assert_refused(const char *says)
{
	assert_int_equal(next(), TAR_DAMAGED);
	assert_mends(in_words(&problem), "is ");
	assert_says(in_words(&problem), says);
	/* Nor is it better the next time. */
	assert_int_equal(next(), TAR_DAMAGED);
	assert_says(in_words(&problem), says);
}

/* The whole archive so far, and no more. */
static inline void assert_only_refused(const char *says)
{
	begin();
	assert_refused(says);
}

#define ONE(test) cmocka_unit_test_setup(test, set_up)

#endif
