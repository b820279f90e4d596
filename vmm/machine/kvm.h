/* /dev/kvm: opened, checked, and the ioctls that are the same on every architecture. */
#ifndef MAYFLY_KVM_H
#define MAYFLY_KVM_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/ram.h"
#include "base/report.h"

struct kvm {
	int system;      /* /dev/kvm */
	int vm;          /* FD_VM */
	size_t run_size; /* bytes of the area that a vCPU shares with us */

	const char *path;       /* of SYSTEM */
	bool making;            /* a thread makes the VM … */
	pthread_t maker;        /* … this one … */
	_Atomic int maker_id;   /* … as the kernel calls it … */
	struct problem refusal; /* … or says why it cannot */
};

/* Opens PATH (/dev/kvm), checks the API version and every capability that mayfly needs, and
 * makes a VM, or begins to: before Linux 6.14 KVM waits for a grace period there, milliseconds
 * in which there is something else to do. Until kvm_await_vm there may be two threads, and
 * nothing is put at a place of the plan. */
bool kvm_open(struct kvm *kvm, const char *path, struct problem *problem);

/* Waits for the VM. There is one thread again. */
bool kvm_await_vm(struct kvm *kvm, struct problem *problem);

/* The steps of kvm_open: KVM->system, which PATH names, has the version and the capabilities;
 * KVM->vm is made, with no fixed number yet; and what a user can do about an errno from opening
 * it or from making a VM. */
bool kvm_check(struct kvm *kvm, const char *path, struct problem *problem);
bool kvm_make_vm(struct kvm *kvm, const char *path, struct problem *problem);
const char *kvm_mend(int error);

/* Closes /dev/kvm, which nothing needs after start-up. The VM stays open: closing it would take the
 * irqfds away, and the filter allows nothing on it. */
void kvm_close_system(struct kvm *kvm);

/* Shows the guest its memory. Before the interrupt controller is made: KVM would wait for a grace
 * period otherwise. */
bool kvm_set_memory(const struct kvm *kvm, const struct ram *ram, struct problem *problem);

/* Lets a write to the eventfd raise interrupt GSI. */
bool kvm_add_irqfd(const struct kvm *kvm, int eventfd, unsigned gsi, struct problem *problem);

/* Lets the guest's 32-bit write of VALUE to ADDRESS signal the eventfd, without an exit to us. */
bool kvm_add_ioeventfd(const struct kvm *kvm, int eventfd, uint64_t address, uint32_t value,
		       struct problem *problem);

#endif
