#include "rootfs/job_file.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "rootfs/give_up.h"

/* A gateway and a name server belong to the address before them. */
static void take_ip_field(struct job_file *job, char *field)
{
	if (field[0] == JOB_ADDRESS && job->ips < JOB_IPS)
		job->ip[job->ips++].address = field + 1;
	if (field[0] == JOB_GATEWAY && job->ips)
		job->ip[job->ips - 1].gateway = field + 1;
	if (field[0] == JOB_DNS && job->ips)
		job->ip[job->ips - 1].dns = field + 1;
}

/* Two numbers with a colon between them. */
static void take_pair(const char *text, unsigned long *first, unsigned long *second)
{
	char *end;

	*first = strtoul(text, &end, 10);
	*second = strtoul(end + 1, NULL, 10);
}

static void take_numbers(struct job_file *job, const char *field)
{
	unsigned long first, second;

	take_pair(field + 1, &first, &second);
	if (field[0] == JOB_USER) {
		job->uid = (uid_t)first;
		job->gid = (gid_t)second;
	} else {
		job->terminal = true;
		job->rows = (unsigned short)first;
		job->columns = (unsigned short)second;
	}
}

/* The ends of the lists, for the next word of each kind. */
struct lists {
	char **argument, **variable, **out;
};

static void take_field(struct job_file *job, char *field, struct lists *end)
{
	switch (field[0]) {
	case JOB_SEED:
		job->seed = field + 1;
		break;
	case JOB_ARGUMENT:
		*end->argument++ = field + 1;
		break;
	case JOB_ENVIRONMENT:
		*end->variable++ = field + 1;
		break;
	case JOB_OUT:
		*end->out++ = field + 1;
		break;
	case JOB_WORKDIR:
		job->workdir = field + 1;
		break;
	case JOB_HOSTNAME:
		job->hostname = field + 1;
		break;
	case JOB_ROOT:
		job->root = field + 1;
		break;
	case JOB_OUT_DISK:
		job->out_disk = field + 1;
		break;
	case JOB_USER:
	case JOB_TERMINAL:
		take_numbers(job, field);
		break;
	default:
		take_ip_field(job, field);
	}
}

/* Zeroed memory: SIZE bytes, and one more that stays zero. */
static void *allocate(size_t size)
{
	void *memory =
		mmap(NULL, size + 1, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		give_up("cannot get memory");
	return memory;
}

/* Makes a list with room for every TAG in the job's text, EXTRA more and a NULL. If there are too
 * many, execve fails. */
static char **new_list(const char *text, size_t size, char tag, size_t extra)
{
	size_t count = extra + 1;

	for (const char *field = text; field < text + size; field += strlen(field) + 1)
		count += field[0] == tag;
	return allocate(count * sizeof(char *));
}

/* Sets VARIABLE, which programs expect, unless the job sets it. */
static void add_default(struct job_file *job, char **end, char *variable)
{
	size_t length = strcspn(variable, "=") + 1;

	for (char **entry = job->environment; *entry; entry++)
		if (!strncmp(*entry, variable, length))
			return;
	while (*end)
		end++;
	*end = variable;
}

bool job_file_read(struct job_file *job)
{
	struct stat stat;
	struct lists end;
	int fd = open(JOB_FILE_PATH, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || fstat(fd, &stat) < 0)
		return false;
	size_t size = (size_t)stat.st_size;
	char *text = allocate(size);
	if (read(fd, text, size) != (ssize_t)size)
		return false;
	close(fd);
	end.argument = job->arguments = new_list(text, size, JOB_ARGUMENT, 0);
	end.variable = job->environment = new_list(text, size, JOB_ENVIRONMENT, 2);
	end.out = job->outs = new_list(text, size, JOB_OUT, 0);
	for (char *field = text; field < text + size; field += strlen(field) + 1)
		take_field(job, field, &end);
	add_default(job, end.variable,
		    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
	add_default(job, end.variable, job->uid ? "HOME=/" : "HOME=/root");
	unlink(JOB_FILE_PATH);
	unlink(JOB_INIT_PATH);
	return job->arguments[0];
}
