#include "sandbox/gate.h"

#include <errno.h>
#include <string.h>

#include "sandbox/seccomp.h"

#define STACK_SIZE 65536

void gate_init(struct gate *gate, struct jail *jail)
{
	*gate = (struct gate){.jail = jail};
	pthread_mutex_init(&gate->lock, NULL);
	pthread_cond_init(&gate->arrived, NULL);
	pthread_cond_init(&gate->opened, NULL);
}

bool gate_start_thread(struct gate *gate, void *(*main)(void *), void *argument, const char *what,
		       struct problem *problem)
{
	pthread_attr_t attributes;
	pthread_t thread;
	int error;

	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, STACK_SIZE);
	error = pthread_create(&thread, &attributes, main, argument);
	if (error)
		return problem_set(problem,
				   "cannot start %s: %s (raise the limit on processes: ulimit -u)",
				   what, strerror(error));
	gate->started++;
	return true;
}

/* Waits until COUNT has reached all threads. Returns *ERROR, a member of the gate. */
static int await(struct gate *gate, const unsigned *count, const int *error)
{
	pthread_mutex_lock(&gate->lock);
	while (*count < gate->started)
		pthread_cond_wait(&gate->arrived, &gate->lock);
	int found = *error;
	pthread_mutex_unlock(&gate->lock);
	return found;
}

bool gate_await(struct gate *gate, struct problem *problem)
{
	int error = await(gate, &gate->waiting, &gate->jail_error);

	return !error || jail_lacks_landlock(gate->jail, error, problem);
}

static void turn(struct gate *gate, enum gate_state state)
{
	pthread_mutex_lock(&gate->lock);
	gate->state = state;
	pthread_cond_broadcast(&gate->opened);
	pthread_mutex_unlock(&gate->lock);
}

bool gate_seal(struct gate *gate, struct problem *problem)
{
	turn(gate, GATE_SEALING);
	int error = await(gate, &gate->sealed, &gate->error);
	return !error ||
	       problem_set(
		       problem,
		       "a thread cannot narrow the seccomp filter: %s (a container's own filter "
		       "may forbid it: allow seccomp(2) there)",
		       strerror(error));
}

void gate_open(struct gate *gate, lockdown_t lockdown)
{
	gate->lockdown = lockdown;
	turn(gate, GATE_OPEN);
}

/* Adds a thread to COUNT. KEPT takes its ERROR (errno; 0: none). */
static void arrive(struct gate *gate, unsigned *count, int error, int *kept)
{
	++*count;
	*kept = error ? error : *kept;
	pthread_cond_signal(&gate->arrived);
}

static void wait_until(struct gate *gate, enum gate_state state)
{
	while (gate->state < state)
		pthread_cond_wait(&gate->opened, &gate->lock);
}

lockdown_t gate_wait(struct gate *gate, const struct sock_fprog *program)
{
	int error = jail_enter_thread(gate->jail) ? 0 : errno;

	pthread_mutex_lock(&gate->lock);
	arrive(gate, &gate->waiting, error, &gate->jail_error);
	wait_until(gate, GATE_SEALING);
	pthread_mutex_unlock(&gate->lock);
	error = sysfilter_narrow(program) ? 0 : errno;
	pthread_mutex_lock(&gate->lock);
	arrive(gate, &gate->sealed, error, &gate->error);
	wait_until(gate, GATE_OPEN);
	lockdown_t lockdown = gate->lockdown;
	pthread_mutex_unlock(&gate->lock);
	return lockdown;
}

_Noreturn void gate_park(struct gate *gate)
{
	pthread_mutex_lock(&gate->lock);
	for (;;)
		pthread_cond_wait(&gate->opened, &gate->lock);
}

void gate_allow(struct sysfilter *filter)
{
	sysfilter_allow_locks(filter); /* wait at the gate */
}
