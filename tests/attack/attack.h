/* What somebody does who has taken over a thread of mayfly: for tests, linked beside the
 * product's own objects. */
#ifndef ATTACK_H
#define ATTACK_H

#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/un.h>

/* Whom the attacks are for; all of it is known before lockdown, as asking needs system calls,
 * too. */
struct targets {
	const char *disk;            /* another VM's */
	const char *file;            /* to be made */
	pid_t parent;                /* who started mayfly */
	pid_t victim;                /* somebody else's process, of the same user; … */
	uint64_t *word;              /* … of its memory; … */
	struct sockaddr_in tcp;      /* … where it listens … */
	struct sockaddr_un abstract; /* … and by which name */
	socklen_t abstract_size;
};

extern struct targets targets;

struct attack_step {
	const char *name;
	int nr; /* the first system call that a filter should stop */
	/* Does it. 0: it is done; or an errno. */
	int (*run)(void);
};

/* Those that a guest asks for are counted from 1 on; the last has no name. */
extern const struct attack_step attack_steps[];

/* Finds the targets; a child that listens becomes the victim. */
void attack_prepare(void);

/* Makes attack NUMBER from the calling thread and says on standard error how it went. */
void attack_run(unsigned number);

#endif
