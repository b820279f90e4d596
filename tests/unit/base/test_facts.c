/* What is read from a host's files, and who may use one. */
#define _GNU_SOURCE
#include "base/facts.h"

#include "unit.h"

static void releases(void **state)
{
	static const struct {
		const char *text;
		bool newer;
	} cases[] = {
		{"5.3", true},
		{"5.3.0", true},
		{"5.3-rc1", true},
		{"5.10.0", true},
		{"6.0", true},
		{"6.12.3-1-amd64", true},
		{"10.1", true},
		{"7", true},
		{"5.2.99", false},
		{"4.19.0", false},
		{"3.10.0-1160.el7", false},
		{"5", false},
		{"", false},
		{"next", false},
		{"5.", false},
		{"5.x", false},
		{"18446744073709551617.9", false},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_each(facts_is_release(cases[i].text, 5, 3) == cases[i].newer, cases[i].text,
			    i);
}

static const char cpuinfo[] = "processor\t: 0\nflags\t\t: fpu vme svm_lock vmx\n"
			      "vmx flags\t: ept\nbugs\t\t: svm\nprocessor\t: 1\nflags\t\t: svm\n";

static void words_of_a_field(void **state)
{
	(void)state;
	assert_true(facts_has_word(cpuinfo, "flags", "fpu"));
	assert_true(facts_has_word(cpuinfo, "flags", "vmx")); /* the last */
	assert_true(facts_has_word(cpuinfo, "bugs", "svm"));
	/* A part of a word, another line's, another CPU's. */
	assert_false(facts_has_word(cpuinfo, "flags", "svm"));
	assert_false(facts_has_word(cpuinfo, "flags", "vm"));
	assert_false(facts_has_word(cpuinfo, "flags", "ept"));
	assert_false(facts_has_word(cpuinfo, "flag", "fpu"));
	assert_false(facts_has_word(cpuinfo, "Features", "fpu"));
	assert_false(facts_has_word("", "flags", "fpu"));
	assert_false(facts_has_word("flags", "flags", "fpu"));
	assert_false(facts_has_word("flags:", "flags", "fpu"));
	assert_true(facts_has_word("flags:fpu", "flags", "fpu"));
}

static void numbers_of_a_field(void **state)
{
	static const char meminfo[] = "MemTotal:  100 kB\nMemAvailable:\t  24 kB\nNone:\nWord: x\n"
				      "HugePages_Total:       0\n";
	uint64_t number = 7;

	(void)state;
	assert_true(facts_number(meminfo, "MemAvailable", &number));
	assert_int_equal(number, 24);
	assert_true(facts_number(meminfo, "HugePages_Total", &number));
	assert_int_equal(number, 0);
	assert_false(facts_number(meminfo, "Mem", &number));
	assert_false(facts_number(meminfo, "Word", &number));
	assert_false(facts_number(meminfo, "None", &number));
	assert_false(facts_number("", "MemTotal", &number));
}

static void choices(void **state)
{
	static const char *const cases[][2] = {
		{"always [madvise] never\n", "madvise"},
		{"[always] madvise never\n", "always"},
		{"always never\n", ""},
		{"", ""},
		{"[cut", "cut"},
		{"[]", ""},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		char text[32];

		strcpy(text, cases[i][0]);
		facts_choice(text);
		assert_string_equal(text, cases[i][1]);
	}
}

static struct bytes text(const char *characters)
{
	return (struct bytes){(const uint8_t *)characters, strlen(characters)};
}

static const char groups[] = "root:x:0:\n\nodd\nshort:x\nkvm:x:36:me,you\n:x:40:me\nlast:x:99:us";

static void names(void **state)
{
	static const struct {
		uint32_t id;
		const char *name;
	} cases[] = {{0, "root"},
		     {36, "kvm"},
		     {99, "last"},
		     {3, "3"},
		     {360, "360"},
		     {40, "40"},
		     {4294967295u, "4294967295"}};
	char name[16];

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		facts_name(text(groups), cases[i].id, name, sizeof(name));
		assert_string_equal(name, cases[i].name);
	}
	facts_name((struct bytes){0}, 36, name, sizeof(name));
	assert_string_equal(name, "36");
	facts_name(text("a-very-long-name:x:5:"), 5, name, 6);
	assert_string_equal(name, "a-ver");
}

static void members(void **state)
{
	(void)state;
	assert_true(facts_is_member(text(groups), 36, "me"));
	assert_true(facts_is_member(text(groups), 36, "you"));
	assert_true(facts_is_member(text(groups), 99, "us")); /* no newline */
	assert_false(facts_is_member(text(groups), 36, "yo"));
	assert_false(facts_is_member(text(groups), 36, "mean"));
	assert_false(facts_is_member(text(groups), 36, "us"));
	assert_false(facts_is_member(text(groups), 0, "me"));
	assert_false(facts_is_member(text(groups), 7, "me"));
	assert_false(facts_is_member((struct bytes){0}, 36, "me"));
}

static void who_may(void **state)
{
	static const uint32_t mine[] = {1000, 36};
	static const struct facts_user user = {1000, mine, COUNT(mine)};
	static const struct {
		struct facts_file file;
		enum facts_access access;
	} cases[] = {
		{{0666, 0, 0}, FACTS_MAY},
		{{020660, 0, 36}, FACTS_MAY}, /* of a device */
		{{0600, 1000, 0}, FACTS_MAY},
		{{0660, 0, 108}, FACTS_JOIN},
		{{0664, 0, 108}, FACTS_JOIN}, /* to read is not enough */
		{{0662, 0, 108}, FACTS_JOIN},
		{{0660, 0, 0}, FACTS_MODE}, /* nobody shall join root's */
		{{0600, 0, 108}, FACTS_MODE},
		{{0640, 0, 108}, FACTS_MODE},
		{{0606, 0, 36}, FACTS_MODE},    /* the group's bits come first … */
		{{0066, 1000, 36}, FACTS_MODE}, /* … and the owner's before those */
		{{0066, 1000, 108}, FACTS_MODE},
		{{0, 0, 0}, FACTS_MODE},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_each(facts_access(&cases[i].file, &user) == cases[i].access, "mode",
			    cases[i].file.mode);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(releases),
		cmocka_unit_test(words_of_a_field),
		cmocka_unit_test(numbers_of_a_field),
		cmocka_unit_test(choices),
		cmocka_unit_test(names),
		cmocka_unit_test(members),
		cmocka_unit_test(who_may),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
