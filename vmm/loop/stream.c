#include "loop/stream.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fdplan.h"

/* A pipe that poll calls writable takes this much without blocking. */
#define SAFE_CHUNK 4096

bool streams_fill(struct problem *problem)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
		if (fcntl(fd, F_GETFD) >= 0)
			continue;
		/* open takes the lowest free number: FD. */
		if (open("/dev/null", O_RDWR) < 0)
			return problem_set(problem, "cannot open /dev/null: %s (mount /dev)",
					   strerror(errno));
	}
	return true;
}

static int reopen(int fd, int flags)
{
	char path[] = "/proc/self/fd/0";

	path[sizeof(path) - 2] = (char)('0' + fd);
	return open(path, flags | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
}

bool stream_open(struct stream *stream, int fd, int place, bool output, struct problem *problem)
{
	struct stat stat = {0};
	unsigned number;
	int copy = -1;

	*stream = (struct stream){.fd = place};
	stream->terminal = isatty(fd);
	/* Not a terminal's master: to open it anew makes another terminal. */
	bool master = stream->terminal && syscall(SYS_ioctl, fd, TIOCGPTN, &number) == 0;
	if (fstat(fd, &stat) == 0 && (S_ISFIFO(stat.st_mode) || stream->terminal) && !master)
		copy = reopen(fd, output ? O_WRONLY : O_RDONLY);
	if (copy < 0) {
		/* Regular files never block. Sockets do, and streams that may not be reopened. */
		stream->may_block = !S_ISREG(stat.st_mode);
		copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	}
	return fd_place(copy, place, "a standard stream", problem);
}

static bool is_later(int error)
{
	return error == EAGAIN || error == EINTR;
}

ssize_t stream_read(struct stream *stream, uint8_t *data, size_t size)
{
	if (stream->ended || !stream->ready)
		return 0;
	stream->ready = false;
	ssize_t count = read(stream->fd, data, size);
	if (count < 0 && is_later(errno))
		return 0;
	if (count <= 0)
		stream->ended = true;
	if (count < 0 && (errno == EBADF || (errno == EIO && stream->terminal)))
		return 0;
	return count;
}

ssize_t stream_write(struct stream *stream, const uint8_t *data, size_t size)
{
	if (stream->ended || (stream->may_block && !stream->ready))
		return 0;
	if (stream->may_block && size > SAFE_CHUNK)
		size = SAFE_CHUNK;
	stream->ready = false;
	ssize_t count = write(stream->fd, data, size);
	if (count < 0 && is_later(errno))
		return 0;
	if (count < 0)
		stream->ended = true;
	return count;
}
