/* `mayfly doctor`: what of this host lets mayfly run guests and what does not, one line a
 * finding, with its fix. */
#ifndef MAYFLY_DOCTOR_H
#define MAYFLY_DOCTOR_H

#include <stdbool.h>
#include <stddef.h>

#include "base/json.h"
#include "machine/kvm.h"
#include "base/report.h"

enum finding {
	FINDING_OK,
	FINDING_INFO, /* good to know */
	FINDING_WARN, /* something that not every guest needs is missing */
	FINDING_FAIL, /* without it no Linux guest can run */
};

/* What the checks share. */
struct doctor {
	const char *check; /* that is being made */
	bool json;
	bool failed; /* a finding is FINDING_FAIL */
	bool begun;  /* there was a finding */
	struct kvm kvm;
	struct writer out;
};

/* The command. Returns 0 if Linux guests can be run, 1 if not, 125 for bad usage, or if standard
 * output failed. */
int doctor_run(char **arguments);

/* Writes a finding of the check that is being made; FIX is what the user can do, or NULL. */
void doctor_find(struct doctor *doctor, enum finding finding, const char *fix, const char *format,
		 ...) __attribute__((format(printf, 4, 5)));

/* The same of PROBLEM. */
void doctor_find_problem(struct doctor *doctor, enum finding finding,
			 const struct problem *problem);

/* The beginning of the file PATH, as a text, in TEXT of SIZE bytes. False (errno) if it cannot
 * be read; the text is empty then. For files of /proc and /sys, which do not know their sizes. */
bool doctor_read(const char *path, char *text, size_t size);

/* Checks, for doctor.c's table. Those of KVM come in this order: each leaves in doctor->kvm what
 * the next needs. */
void doctor_check_device(struct doctor *doctor);
void doctor_check_kvm(struct doctor *doctor);
void doctor_check_vm(struct doctor *doctor);
void doctor_check_guests(struct doctor *doctor);

/* The architecture's: what guests DOCTOR's KVM can run, whose SYSTEM and VM are -1 where there
 * are none. */
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
