/* mayfly's init: PID 1 of a guest that was given a command.
 *
 * It mounts what programs expect, starts the workload with three pipes, and carries their bytes over
 * the channel (devices/channel_wire.h) until the workload has ended; then it says how, and powers
 * off. One thread, one loop, no heap beyond the job's text, no stdio. */
#include <errno.h>
#include <fcntl.h>
#include <linux/random.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "channel_wire.h"
#include "job.h"

#define CHANNEL_DEVICE "/dev/ttyS1"
#define CHANNEL_DEVICE_NUMBER makedev(4, 65)

/* What the host wants of us. */
static struct {
	uint64_t window;
	const char *seed;
	char **arguments; /* NULL-terminated */
	size_t argument_count;
} job;

static int channel;     /* the UART */
static uint8_t *window; /* NULL: data goes in frames */

/* The workload and our ends of its pipes; -1: closed. */
static struct {
	pid_t pid;
	bool ended;
	int status;
	int in, out, err;
} work = {.in = -1, .out = -1, .err = -1};

/* Data for the workload's stdin that it has not taken yet. */
static struct {
	uint8_t data[CHANNEL_CHUNK_MAX];
	size_t size, done;
	bool last; /* the host has no more */
} input;

static bool output_busy; /* the host has not said TAKEN */

/* --- ends --- */

static void say(const char *text)
{
	if (write(STDERR_FILENO, text, strlen(text)) < 0)
		return;
}

/* Without the channel only the console is left; the host notices the missing result. */
_Noreturn static void give_up(const char *what)
{
	say("mayfly init: ");
	say(what);
	say(": ");
	say(strerror(errno));
	say("\n");
	sync();
	reboot(RB_AUTOBOOT);
	_exit(1);
}

/* --- the channel --- */

static void send_all(const uint8_t *data, size_t size)
{
	while (size) {
		ssize_t count = write(channel, data, size);

		if (count < 0 && errno != EINTR)
			give_up("cannot write to the channel");
		if (count > 0) {
			data += count;
			size -= (size_t)count;
		}
	}
}

/* PAYLOAD NULL: the data is in the window. */
static void send_frame(unsigned type, const uint8_t *payload, size_t size)
{
	uint8_t frame[CHANNEL_HEADER + CHANNEL_INLINE_MAX] = {(uint8_t)type, (uint8_t)size,
							      (uint8_t)(size >> 8)};
	size_t carried = payload ? size : 0;

	if (carried)
		memcpy(frame + CHANNEL_HEADER, payload, carried);
	send_all(frame, CHANNEL_HEADER + carried);
}

/* Says how the workload ended, and ends. */
_Noreturn static void finish(enum channel_exit kind, int value)
{
	uint8_t payload[2] = {(uint8_t)kind, (uint8_t)value};

	sync();
	send_frame(CHANNEL_EXIT, payload, sizeof(payload));
	tcdrain(channel);
	reboot(RB_POWER_OFF);
	for (;;)
		pause();
}

static void open_channel(void)
{
	struct termios modes;

	channel = open(CHANNEL_DEVICE, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (channel < 0 && errno == ENOENT &&
	    mknod(CHANNEL_DEVICE, S_IFCHR | 0600, CHANNEL_DEVICE_NUMBER) == 0)
		channel = open(CHANNEL_DEVICE, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (channel < 0 || tcgetattr(channel, &modes) < 0)
		give_up("cannot open " CHANNEL_DEVICE
			" (the kernel needs SERIAL_8250 with two ports)");
	cfmakeraw(&modes);
	modes.c_cflag |= CLOCAL;
	/* The baud rate means nothing here but for the kernel's waits, which are scaled by it. */
	cfsetspeed(&modes, B115200);
	if (tcsetattr(channel, TCSANOW, &modes) < 0)
		give_up("cannot set up " CHANNEL_DEVICE);
}

/* /dev/mem lets us map the window even where it is strict, as no RAM is there. The host's mark tells
 * whether it is what we think. */
static void open_window(void)
{
	int memory = open("/dev/mem", O_RDWR | O_CLOEXEC);

	if (memory < 0)
		return;
	uint8_t *mapped = mmap(NULL, 2 * CHANNEL_WINDOW_HALF, PROT_READ | PROT_WRITE, MAP_SHARED,
			       memory, (off_t)job.window);
	close(memory);
	if (mapped == MAP_FAILED)
		return;
	if (memcmp(mapped, CHANNEL_WINDOW_MARK, sizeof(CHANNEL_WINDOW_MARK)) == 0)
		window = mapped;
	else
		munmap(mapped, 2 * CHANNEL_WINDOW_HALF);
}

/* --- the job --- */

static uint64_t from_hex(const char *text)
{
	return strtoull(text, NULL, 16);
}

static void take_field(char *field)
{
	switch (field[0]) {
	case JOB_WINDOW:
		job.window = from_hex(field + 1);
		break;
	case JOB_SEED:
		job.seed = field + 1;
		break;
	case JOB_ARGUMENT:
		job.arguments[job.argument_count++] = field + 1;
		break;
	}
}

/* Zeroed memory: SIZE bytes, and one that stays zero. */
static void *allocate(size_t size)
{
	void *memory =
		mmap(NULL, size + 1, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		give_up("cannot get memory");
	return memory;
}

/* Room for every argument in the job's text; too many are execve's to refuse. */
static char **argument_vector(const char *text, size_t size)
{
	size_t count = 1; /* the NULL at the end */

	for (const char *field = text; field < text + size; field += strlen(field) + 1)
		count += field[0] == JOB_ARGUMENT;
	return allocate(count * sizeof(char *));
}

/* Reads the job and removes our files, so that the workload sees the user's root alone. */
static void read_job(void)
{
	struct stat stat;
	int fd = open(JOB_FILE_PATH, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || fstat(fd, &stat) < 0)
		give_up("cannot read " JOB_FILE_PATH);
	size_t size = (size_t)stat.st_size;
	char *text = allocate(size);
	if (read(fd, text, size) != (ssize_t)size)
		give_up("cannot read " JOB_FILE_PATH);
	close(fd);
	job.arguments = argument_vector(text, size);
	for (char *field = text; field < text + size; field += strlen(field) + 1)
		take_field(field);
	unlink(JOB_FILE_PATH);
	unlink(JOB_INIT_PATH);
	rmdir("/.mayfly");
}

/* --- the system --- */

static void mount_all(void)
{
	static const struct {
		const char *type, *target, *data;
		unsigned long flags;
		mode_t mode; /* of the directory, if it is not there */
	} mounts[] = {
		{"devtmpfs", "/dev", "", MS_NOSUID, 0755},
		{"proc", "/proc", "", MS_NOSUID | MS_NODEV | MS_NOEXEC, 0555},
		{"sysfs", "/sys", "", MS_NOSUID | MS_NODEV | MS_NOEXEC, 0555},
		{"cgroup2", "/sys/fs/cgroup", "", MS_NOSUID | MS_NODEV | MS_NOEXEC, 0755},
		{"devpts", "/dev/pts", "mode=0620,gid=5,ptmxmode=0666", MS_NOSUID | MS_NOEXEC,
		 0755},
		{"tmpfs", "/dev/shm", "mode=1777", MS_NOSUID | MS_NODEV, 01777},
		{"mqueue", "/dev/mqueue", "", MS_NOSUID | MS_NODEV | MS_NOEXEC, 01777},
	};

	/* A kernel without one of these still runs what does not need it. */
	for (size_t i = 0; i < sizeof(mounts) / sizeof(mounts[0]); i++) {
		mkdir(mounts[i].target, mounts[i].mode);
		mount(mounts[i].type, mounts[i].target, mounts[i].type, mounts[i].flags,
		      mounts[i].data);
	}
}

/* Nothing is mounted on these: what the user's initramfs has there stays in sight, and the root is in
 * memory anyway. */
static void make_directories(void)
{
	mkdir("/run", 0755);
	if (mkdir("/tmp", 01777) == 0)
		chmod("/tmp", 01777);
}

static void link_devices(void)
{
	static const char *const links[][2] = {
		{"/proc/self/fd", "/dev/fd"},
		{"/proc/self/fd/0", "/dev/stdin"},
		{"/proc/self/fd/1", "/dev/stdout"},
		{"/proc/self/fd/2", "/dev/stderr"},
	};

	for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++)
		if (symlink(links[i][0], links[i][1]) < 0)
			continue; /* it is there */
}

static void raise_loopback(void)
{
	struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return;
	ioctl(fd, SIOCSIFFLAGS, &request);
	close(fd);
}

/* The host's random bytes: a guest whose CPU has no RDRAND could wait for entropy for minutes. */
static void seed_random(void)
{
	struct {
		struct rand_pool_info info;
		uint8_t bytes[32];
	} pool = {.info = {.entropy_count = 256, .buf_size = 32}};
	int fd;

	if (!job.seed || strlen(job.seed) != 2 * sizeof(pool.bytes))
		return;
	fd = open("/dev/random", O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	for (size_t i = 0; i < sizeof(pool.bytes); i++) {
		char digits[3] = {job.seed[2 * i], job.seed[2 * i + 1], '\0'};

		pool.bytes[i] = (uint8_t)from_hex(digits);
	}
	ioctl(fd, RNDADDENTROPY, &pool);
	close(fd);
}

/* --- the workload --- */

_Noreturn static void become_workload(const int in[2], const int out[2], const int err[2],
				      int failure)
{
	static char *environment[] = {
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root",
		NULL};
	sigset_t none;
	int error;

	setsid();
	dup2(in[0], STDIN_FILENO);
	dup2(out[1], STDOUT_FILENO);
	dup2(err[1], STDERR_FILENO);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	environ = environment;
	execvp(job.arguments[0], job.arguments);
	error = errno;
	if (write(failure, &error, sizeof(error)) < 0)
		_exit(126);
	_exit(127);
}

static void make_pipe(int ends[2], int flags)
{
	if (pipe2(ends, O_CLOEXEC | flags) < 0)
		finish(CHANNEL_SETUP_FAILED, errno);
}

/* The failure pipe closes when execve succeeds, or says why it did not. */
static void start_workload(void)
{
	int in[2], out[2], err[2], failure[2], error;

	make_pipe(in, 0);
	make_pipe(out, 0);
	make_pipe(err, 0);
	make_pipe(failure, 0);
	work.pid = fork();
	if (work.pid < 0)
		finish(CHANNEL_SETUP_FAILED, errno);
	if (work.pid == 0)
		become_workload(in, out, err, failure[1]);
	close(in[0]);
	close(out[1]);
	close(err[1]);
	close(failure[1]);
	if (read(failure[0], &error, sizeof(error)) == sizeof(error))
		finish(CHANNEL_NOT_STARTED, error);
	close(failure[0]);
	/* Only our end: the workload's must block as pipes do. */
	fcntl(in[1], F_SETFL, O_NONBLOCK);
	work.in = in[1];
	work.out = out[0];
	work.err = err[0];
}

static void reap(void)
{
	pid_t pid;
	int status;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid != work.pid)
			continue;
		work.ended = true;
		work.status = status;
		/* What it leaves behind ends with it, and lets go of its pipes. */
		kill(-1, SIGKILL);
	}
}

/* --- the loop --- */

static void close_end(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static void feed_workload(void)
{
	if (input.done < input.size) {
		ssize_t count = write(work.in, input.data + input.done, input.size - input.done);

		if (count < 0 && errno == EPIPE)
			close_end(&work.in); /* never taken: the host reads no more of its stdin */
		if (count <= 0)
			return;
		input.done += (size_t)count;
		if (input.done == input.size)
			send_frame(CHANNEL_TAKEN, (const uint8_t *)"", 0);
	}
	if (input.done == input.size && input.last)
		close_end(&work.in);
}

static void forward(int *fd, unsigned type)
{
	uint8_t small[CHANNEL_INLINE_MAX];
	uint8_t *data = window ? window + CHANNEL_WINDOW_HALF : small;
	ssize_t count = read(*fd, data, window ? CHANNEL_CHUNK_MAX : sizeof(small));

	if (count < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (count <= 0) {
		close_end(fd);
		return;
	}
	output_busy = true;
	if (window)
		send_frame(type | CHANNEL_IN_WINDOW, NULL, (size_t)count);
	else
		send_frame(type, small, (size_t)count);
}

static void take_input(const uint8_t *payload, size_t size)
{
	memcpy(input.data, payload, size);
	input.size = size;
	input.done = 0;
	feed_workload();
}

static void handle_frame(unsigned type, const uint8_t *payload, size_t size)
{
	switch (type) {
	case CHANNEL_STDIN:
		take_input(payload, size);
		break;
	case CHANNEL_STDIN_END:
		input.last = true;
		feed_workload();
		break;
	case CHANNEL_TAKEN:
		output_busy = false;
		break;
	case CHANNEL_CLOSED:
		/* The workload gets its SIGPIPE, as from any pipe. */
		close_end(payload[0] == CHANNEL_STDOUT ? &work.out : &work.err);
		break;
	}
}

/* Frames arrive in pieces. */
static void receive(void)
{
	static uint8_t frame[CHANNEL_HEADER + CHANNEL_INLINE_MAX];
	static size_t have;
	ssize_t count = read(channel, frame + have, sizeof(frame) - have);

	if (count < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (count <= 0)
		give_up("the channel is gone");
	have += (size_t)count;
	while (have >= CHANNEL_HEADER) {
		size_t size = frame[1] | (size_t)frame[2] << 8;
		bool in_window = frame[0] & CHANNEL_IN_WINDOW;
		size_t total = CHANNEL_HEADER + (in_window ? 0 : size);

		if (have < total)
			return;
		handle_frame(frame[0] & ~(unsigned)CHANNEL_IN_WINDOW,
			     in_window ? window : frame + CHANNEL_HEADER, size);
		have -= total;
		memmove(frame, frame + total, have);
	}
}

static void run(int signals)
{
	enum { CHANNEL, SIGNALS, IN, OUT, ERR, COUNT };

	while (!work.ended || work.out >= 0 || work.err >= 0 || output_busy) {
		bool feeding = input.done < input.size;
		struct pollfd polls[COUNT] = {
			[CHANNEL] = {channel, POLLIN, 0},
			[SIGNALS] = {signals, POLLIN, 0},
			[IN] = {feeding ? work.in : -1, POLLOUT, 0},
			[OUT] = {output_busy ? -1 : work.out, POLLIN, 0},
			[ERR] = {output_busy ? -1 : work.err, POLLIN, 0},
		};
		struct signalfd_siginfo info;

		if (poll(polls, COUNT, -1) < 0)
			continue;
		if (polls[SIGNALS].revents && read(signals, &info, sizeof(info)) > 0)
			reap();
		if (polls[CHANNEL].revents)
			receive();
		if (polls[IN].revents)
			feed_workload();
		if (polls[OUT].revents && work.out >= 0)
			forward(&work.out, CHANNEL_STDOUT);
		if (polls[ERR].revents && work.err >= 0 && !output_busy)
			forward(&work.err, CHANNEL_STDERR);
	}
}

static int watch_children(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGPIPE);
	sigprocmask(SIG_BLOCK, &set, NULL);
	sigdelset(&set, SIGPIPE);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* The kernel hands on words of its command line that it does not know. */
static bool has_word(char **words, const char *word)
{
	for (; *words; words++)
		if (!strcmp(*words, word))
			return true;
	return false;
}

int main(int argc, char **argv)
{
	uint8_t hello[2] = {CHANNEL_VERSION, 0};
	int signals = watch_children();

	(void)argc;
	read_job();
	mount_all();
	make_directories();
	link_devices();
	raise_loopback();
	sethostname("mayfly", 6);
	seed_random();
	open_channel();
	/* For tests: data in frames, as in a guest whose kernel has no /dev/mem. */
	if (!has_word(argv, "mayfly_inline"))
		open_window();
	hello[1] = window != NULL;
	send_frame(CHANNEL_READY, hello, sizeof(hello));
	start_workload();
	run(signals);
	if (WIFSIGNALED(work.status))
		finish(CHANNEL_KILLED, WTERMSIG(work.status));
	finish(CHANNEL_EXITED, WEXITSTATUS(work.status));
}
