#include "gate.h"

#include <string.h>
#include <sys/syscall.h>

#define STACK_SIZE 65536

void gate_init(struct gate *gate)
{
	memset(gate, 0, sizeof(*gate));
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

void gate_await(struct gate *gate)
{
	pthread_mutex_lock(&gate->lock);
	while (gate->waiting < gate->started)
		pthread_cond_wait(&gate->arrived, &gate->lock);
	pthread_mutex_unlock(&gate->lock);
}

void gate_open(struct gate *gate, lockdown_t lockdown)
{
	pthread_mutex_lock(&gate->lock);
	gate->lockdown = lockdown;
	gate->open = true;
	pthread_cond_broadcast(&gate->opened);
	pthread_mutex_unlock(&gate->lock);
}

lockdown_t gate_wait(struct gate *gate)
{
	pthread_mutex_lock(&gate->lock);
	gate->waiting++;
	pthread_cond_signal(&gate->arrived);
	while (!gate->open)
		pthread_cond_wait(&gate->opened, &gate->lock);
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
	sysfilter_allow(filter, SYS_futex); /* wait at the gate */
}
