#include "loop/terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fdplan.h"
#include "sandbox/landlock.h"
#include "sandbox/seccomp.h"

/* TCSETS sets at once: waiting for output to drain would hang on a stopped terminal. */
static void set_modes(int fd, const struct termios *modes)
{
	tcsetattr(fd, TCSANOW, modes);
}

/* Waits for a byte (mayfly restored the modes) or for the pipe's end (mayfly could not). Its own
 * session keeps it away from the terminal's signals. */
_Noreturn static void guard(int pipe_end, const struct termios *saved)
{
	static struct sysfilter filter;
	struct problem problem;
	char byte;

	/* The guardian keeps only the terminal and the pipe of the VM open. */
	setsid();
	dup2(pipe_end, STDIN_FILENO);
	landlock_enter(FD_RULESET); /* if there is one; jail_report() says so */
	syscall(SYS_close_range, STDIN_FILENO + 1, FD_TERMINAL - 1, 0);
	syscall(SYS_close_range, FD_TERMINAL + 1, ~0u, 0);
	sysfilter_allow_fd(&filter, SYS_read, STDIN_FILENO);
	sysfilter_allow_ioctl(&filter, FD_TERMINAL, 1, TCSETS);
	sysfilter_allow(&filter, SYS_exit_group);
	if (!sysfilter_seal(&filter, &problem))
		_exit(1);
	if (read(STDIN_FILENO, &byte, 1) == 0)
		set_modes(FD_TERMINAL, saved);
	_exit(0);
}

static bool start_guardian(const struct terminal *terminal, struct problem *problem)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return problem_set(problem, "cannot make a pipe: %s (ulimit -n)", strerror(errno));
	pid_t child = fork();
	if (child < 0)
		return problem_set(problem, "cannot fork: %s (ulimit -u)", strerror(errno));
	if (child == 0) {
		sigset_t all;

		sigfillset(&all);
		sigprocmask(SIG_BLOCK, &all, NULL);
		close(ends[1]); /* otherwise the guardian would never see the pipe's end */
		guard(ends[0], &terminal->saved);
	}
	close(ends[0]);
	return fd_place(ends[1], FD_GUARDIAN, "a pipe", problem);
}

bool terminal_open(struct terminal *terminal, struct problem *problem)
{
	struct termios raw;

	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO) ||
	    tcgetattr(STDIN_FILENO, &terminal->saved) < 0)
		return true;
	if (!fd_place(fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3), FD_TERMINAL, "the terminal",
		      problem) ||
	    !start_guardian(terminal, problem))
		return false;
	raw = terminal->saved;
	cfmakeraw(&raw);
	set_modes(FD_TERMINAL, &raw);
	terminal->raw = true;
	return true;
}

bool terminal_size(uint16_t *rows, uint16_t *columns)
{
	struct winsize size;

	if (syscall(SYS_ioctl, FD_TERMINAL, TIOCGWINSZ, &size) < 0)
		return false;
	*rows = size.ws_row;
	*columns = size.ws_col;
	return true;
}

void terminal_restore(struct terminal *terminal)
{
	if (!terminal->raw)
		return;
	set_modes(FD_TERMINAL, &terminal->saved);
	terminal->raw = false;
	/* If this fails, the guardian is gone already. */
	if (write(FD_GUARDIAN, "", 1) < 0)
		return;
}

void terminal_allow(const struct terminal *terminal, struct sysfilter *filter)
{
	if (!terminal->raw)
		return;
	sysfilter_allow_ioctl(filter, FD_TERMINAL, 1, TCSETS);     /* restore the modes */
	sysfilter_allow_ioctl(filter, FD_TERMINAL, 1, TIOCGWINSZ); /* when the size changed */
	sysfilter_allow_fd(filter, SYS_write, FD_GUARDIAN);        /* tell the guardian */
}
