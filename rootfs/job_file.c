#include "job_file.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "system.h"

/* Gateway and name server belong to the address before them. */
static void take_ip_field(struct job_file *job, char *field)
{
	if (field[0] == JOB_ADDRESS && job->ips < JOB_IPS)
		job->ip[job->ips++].address = field + 1;
	if (field[0] == JOB_GATEWAY && job->ips)
		job->ip[job->ips - 1].gateway = field + 1;
	if (field[0] == JOB_DNS && job->ips)
		job->ip[job->ips - 1].dns = field + 1;
}

static void take_field(struct job_file *job, char *field, size_t *count)
{
	switch (field[0]) {
	case JOB_SEED:
		job->seed = field + 1;
		break;
	case JOB_ARGUMENT:
		job->arguments[(*count)++] = field + 1;
		break;
	default:
		take_ip_field(job, field);
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

void job_file_read(struct job_file *job)
{
	struct stat stat;
	size_t count = 0;
	int fd = open(JOB_FILE_PATH, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || fstat(fd, &stat) < 0)
		give_up("cannot read " JOB_FILE_PATH);
	size_t size = (size_t)stat.st_size;
	char *text = allocate(size);
	if (read(fd, text, size) != (ssize_t)size)
		give_up("cannot read " JOB_FILE_PATH);
	close(fd);
	job->arguments = argument_vector(text, size);
	for (char *field = text; field < text + size; field += strlen(field) + 1)
		take_field(job, field, &count);
	unlink(JOB_FILE_PATH);
	unlink(JOB_INIT_PATH);
	rmdir("/.mayfly");
}
