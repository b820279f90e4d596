/* `mayfly doctor`: what on this host lets mayfly run guests and what does not, one line per
 * finding, with its fix. */
#ifndef MAYFLY_DOCTOR_H
#define MAYFLY_DOCTOR_H

#include <stdbool.h>
#include <stddef.h>

#include "base/json.h"
#include "base/report.h"
#include "machine/kvm.h"

enum finding {
	FINDING_OK,
	FINDING_INFO, /* good to know */
	FINDING_WARN, /* missing, but not every guest needs it */
	FINDING_FAIL, /* missing, and no Linux guest runs without it */
};

/* Data that the checks share. */
struct doctor {
	const char *check; /* the current check */
	bool json;
	bool failed; /* a finding is FINDING_FAIL */
	bool begun;  /* there has been a finding */
	struct kvm kvm;
	struct writer out;
};

/* The command. Returns 0 if Linux guests can run, 1 if not, 125 for bad usage or if standard output
 * failed. */
int doctor_run(char **arguments);

/* Writes a finding of the current check. FIX is what the user can do, or NULL. */
void doctor_find(struct doctor *doctor, enum finding finding, const char *fix, const char *format,
		 ...) __attribute__((format(printf, 4, 5)));

/* The same for PROBLEM. */
void doctor_find_problem(struct doctor *doctor, enum finding finding,
			 const struct problem *problem);

/* Reads the start of file PATH as a string into TEXT, of SIZE bytes. False (errno) if it cannot be
 * read; TEXT is empty then. For files in /proc and /sys, which do not tell their sizes. */
bool doctor_read(const char *path, char *text, size_t size);

/* The checks in doctor.c's table. KVM's come in this order: each leaves in doctor->kvm what the
 * next one needs. */
void doctor_check_device(struct doctor *doctor);
void doctor_check_kvm(struct doctor *doctor);
void doctor_check_vm(struct doctor *doctor);
void doctor_check_guests(struct doctor *doctor);

/* The architecture's check: which guests KVM can run. KVM's SYSTEM and VM are -1 if they could not
 * be opened. */
void arch_examine(struct doctor *doctor, const struct kvm *kvm);

void doctor_check_kernel(struct doctor *doctor);
void doctor_check_proc(struct doctor *doctor);
void doctor_check_seccomp(struct doctor *doctor);
void doctor_check_limits(struct doctor *doctor);
void doctor_check_memory(struct doctor *doctor);
void doctor_check_pages(struct doctor *doctor);
void doctor_check_tun(struct doctor *doctor);
void doctor_check_taps(struct doctor *doctor);
void doctor_check_landlock(struct doctor *doctor);
void doctor_check_namespaces(struct doctor *doctor);

#endif
