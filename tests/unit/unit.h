/* What the unit tests share: cmocka and what it wants included before it, assertions that show the
 * text they dislike, captured output, eventfds, repeatable random numbers. */
#ifndef MAYFLY_UNIT_H
#define MAYFLY_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/report.h"

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define KIB ((uint64_t)1 << 10)
#define MIB ((uint64_t)1 << 20)
#define GIB ((uint64_t)1 << 30)
#define PAGE 4096u

/* What a user would read of PROBLEM: "WHAT (FIX)". Good until the next but three calls. */
static inline char *in_words(const struct problem *problem)
{
	static char lines[4][sizeof(*problem) + 4];
	static unsigned next;
	char *line = lines[next++ % 4];
	const char *fix = problem->fix;

	snprintf(line, sizeof(lines[0]), "%s%s%s%s", problem->what, *fix ? " (" : "", fix, *fix ? ")" : "");
	return line;
}

/* Fails with WHAT and NUMBER, for checks in a loop. */
#define assert_each(condition, what, number)                                            \
	do {                                                                            \
		if (!(condition)) {                                                     \
			print_error("%s: %#llx\n", what, (unsigned long long)(number)); \
			_fail(__FILE__, __LINE__);                                      \
		}                                                                       \
	} while (0)

#define assert_says(text, words) unit_says(text, words, __FILE__, __LINE__)

static inline void unit_says(const char *text, const char *words, const char *file, int line)
{
	if (strstr(text, words))
		return;
	print_error("\"%s\" does not say \"%s\"\n", text, words);
	_fail(file, line);
}

/* TEXT names its OBJECT, and ends with the fix in brackets. */
#define assert_mends(text, object) unit_mends(text, object, __FILE__, __LINE__)

static inline void unit_mends(const char *text, const char *object, const char *file, int line)
{
	const char *fix = strrchr(text, '(');
	size_t length = strlen(text);

	unit_says(text, object, file, line);
	if (fix && length && text[length - 1] == ')' && text + length - fix >= 3)
		return;
	print_error("\"%s\" does not end with a fix in brackets\n", text);
	_fail(file, line);
}

/* A generator that is the same everywhere (xorshift32). STATE is not 0. */
static inline uint32_t next_random(uint32_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 17;
	*state ^= *state << 5;
	return *state;
}

/* From now on this process is alone on a network, and may do there what it wants. */
static inline bool enter_own_network(void)
{
	return unshare(CLONE_NEWNET) == 0 || unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0;
}

/* Non-blocking, as the contracts want them. */
static inline int make_event(void)
{
	int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}

/* How often FD was signalled since the last call. */
static inline uint64_t take_event(int fd)
{
	uint64_t count;

	return read(fd, &count, sizeof(count)) == sizeof(count) ? count : 0;
}

/* What is written to a descriptor between capture_begin and capture_end. */
struct capture {
	int fd, saved, near, far;
	unsigned writes; /* calls of write(2) */
	char text[8192];
};

static inline void capture_begin(struct capture *capture, int fd)
{
	int ends[2];

	/* Packets, so that the number of writes can be told. */
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
	*capture = (struct capture){.fd = fd, .saved = dup(fd), .near = ends[0], .far = ends[1]};
	assert_true(dup2(capture->far, fd) == fd);
}

static inline void capture_end(struct capture *capture)
{
	size_t size = 0;
	ssize_t count;

	dup2(capture->saved, capture->fd);
	close(capture->saved);
	close(capture->far);
	while ((count = recv(capture->near, capture->text + size, sizeof(capture->text) - 1 - size,
			     0)) > 0) {
		size += (size_t)count;
		capture->writes++;
	}
	close(capture->near);
	capture->text[size] = '\0';
}

#endif
