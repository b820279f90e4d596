#include "rootfs/workload.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { IN, OUT, ERR, STREAMS };

/* Both ends of the workload's streams. */
struct ends {
	int ours[STREAMS], theirs[STREAMS];
};

static void close_end(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* --- in the child --- */

static void make_directory(const struct job_file *job, char *path)
{
	if (mkdir(path, 0755) == 0 && chown(path, job->uid, job->gid) < 0)
		errno = 0; /* root owns the directory then */
}

/* Makes the working directory and its parents, owned by the user. */
static bool enter_workdir(const struct job_file *job)
{
	char path[4096];

	if (!job->workdir)
		return true;
	if (strlen(job->workdir) >= sizeof(path)) {
		errno = ENAMETOOLONG;
		return false;
	}
	strcpy(path, job->workdir);
	for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		make_directory(job, path);
		*slash = '/';
	}
	make_directory(job, path);
	return chdir(path) == 0;
}

/* The user owns the streams, so that programs can open them anew under their names in /dev. */
static bool become_user(const struct job_file *job)
{
	for (int fd = 0; fd < STREAMS; fd++)
		if (fchown(fd, job->uid, job->gid) < 0)
			return false;
	if (job->uid == 0 && job->gid == 0)
		return true;
	return setgroups(0, NULL) == 0 && setgid(job->gid) == 0 && setuid(job->uid) == 0;
}

static enum channel_exit become_workload(const struct job_file *job, const struct ends *ends,
					 bool terminal)
{
	sigset_t none;

	setsid();
	for (int fd = 0; fd < STREAMS; fd++)
		dup2(ends->theirs[fd], fd);
	if (terminal)
		ioctl(STDIN_FILENO, TIOCSCTTY, 0);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (!enter_workdir(job))
		return CHANNEL_WORKDIR_FAILED;
	if (!become_user(job))
		return CHANNEL_SETUP_FAILED;
	environ = job->environment;
	execvp(job->arguments[0], job->arguments);
	return CHANNEL_NOT_STARTED;
}

_Noreturn static void live(const struct job_file *job, const struct ends *ends, bool terminal,
			   int pipe_end)
{
	struct failure failure = {.kind = become_workload(job, ends, terminal)};

	failure.error = errno;
	if (write(pipe_end, &failure, sizeof(failure)) < 0)
		_exit(126);
	_exit(127);
}

/* --- in init --- */

static bool open_pipes(struct ends *ends)
{
	for (int i = 0; i < STREAMS; i++) {
		int pair[2];

		if (pipe2(pair, O_CLOEXEC) < 0)
			return false;
		ends->theirs[i] = pair[i != IN];
		ends->ours[i] = pair[i == IN];
	}
	return true;
}

/* All output comes from the master. Copies of the descriptors make closing simple. */
static bool open_terminal(const struct job_file *job, struct ends *ends, int *terminal)
{
	struct winsize size = {.ws_row = job->rows, .ws_col = job->columns};
	int master = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC), unlock = 0, slave = -1;

	if (master >= 0 && ioctl(master, TIOCSPTLCK, &unlock) == 0)
		slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (slave < 0)
		return false;
	ioctl(master, TIOCSWINSZ, &size);
	*terminal = master;
	for (int i = 0; i < STREAMS; i++) {
		ends->theirs[i] = i ? fcntl(slave, F_DUPFD_CLOEXEC, 3) : slave;
		ends->ours[i] = i == ERR ? -1 : fcntl(master, F_DUPFD_CLOEXEC, 3);
	}
	return true;
}

/* A pipe closes when execve succeeds, or has the reason of its failure. */
bool workload_start(struct workload *workload, const struct job_file *job, struct failure *failure)
{
	struct ends ends;
	int pair[2];

	workload->terminal = -1;
	*failure = (struct failure){.kind = CHANNEL_SETUP_FAILED};
	if (pipe2(pair, O_CLOEXEC) < 0 ||
	    !(job->terminal ? open_terminal(job, &ends, &workload->terminal) : open_pipes(&ends)) ||
	    (workload->pid = fork()) < 0) {
		failure->error = errno;
		return false;
	}
	if (workload->pid == 0)
		live(job, &ends, job->terminal, pair[1]);
	for (int i = 0; i < STREAMS; i++)
		close(ends.theirs[i]);
	close(pair[1]);
	if (read(pair[0], failure, sizeof(*failure)) == sizeof(*failure))
		return false;
	close(pair[0]);
	/* Only our end is non-blocking: the workload's end must block like any pipe. */
	fcntl(ends.ours[IN], F_SETFL, O_NONBLOCK);
	workload->in = ends.ours[IN];
	workload->out = ends.ours[OUT];
	workload->err = ends.ours[ERR];
	return true;
}

/* A terminal gets the end-of-file character, which a program may have turned off. Two of them,
 * because the first may only end a partial line. */
void workload_end_input(struct workload *workload)
{
	if (workload->terminal >= 0 && write(workload->in, "\4\4", 2) < 0)
		errno = 0;
	close_end(&workload->in);
}

void workload_close_output(struct workload *workload, bool standard)
{
	close_end(standard ? &workload->out : &workload->err);
	if (workload->terminal < 0)
		return;
	close_end(&workload->in);
	close_end(&workload->terminal);
}

void workload_signal(const struct workload *workload, int number)
{
	if (!workload->ended)
		kill(-workload->pid, number);
}

void workload_resize(const struct workload *workload, unsigned short rows, unsigned short columns)
{
	struct winsize size = {.ws_row = rows, .ws_col = columns};

	if (workload->terminal >= 0)
		ioctl(workload->terminal, TIOCSWINSZ, &size);
}
