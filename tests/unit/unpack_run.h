/* Unpacks the archive under construction of outbox.h: into its targets, or with words about it. */
#ifndef MAYFLY_UNPACK_RUN_H
#define MAYFLY_UNPACK_RUN_H

#include "outbox.h"

#define LIMIT (64 * MIB)

static inline bool unpack_fd(int archive, uint64_t limit)
{
	bool done;

	problem_clear(&problem);
	done = unpack_open(targets, target_count, &problem) &&
	       unpack(archive, targets, target_count, limit, &problem);
	unpack_close(targets, target_count);
	close(archive);
	return done;
}

static inline bool run(void)
{
	return unpack_fd(make_archive(), LIMIT);
}

static inline void assert_unpacked(void)
{
	if (!run())
		print_error("%s\n", in_words(&problem));
	assert_string_equal(in_words(&problem), "");
	outbox_new_archive();
}

static inline void assert_refused(const char *object, const char *says)
{
	assert_false(run());
	assert_mends(in_words(&problem), object);
	assert_says(in_words(&problem), says);
	outbox_new_archive();
}

static inline void assert_damaged(const char *says)
{
	assert_refused("the guest's answer is damaged", says);
}

#define TEST(function) \
	cmocka_unit_test_setup_teardown(function, outbox_set_up, outbox_tear_down)

#endif
