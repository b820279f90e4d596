/* The checks of KVM: the device, its capabilities, a VM with a vCPU. */
#include "commands/doctor.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/facts.h"
#include "base/file.h"
#include "base/keep.h"
#include "base/text.h"
#include "machine/arch.h"

#define KVM_PATH "/dev/kvm"

enum { NAME_SIZE = 33, GROUPS_SHOWN = 6 };

/* The user we run as, by number and by name. */
struct self {
	struct facts_user user;
	struct bytes group_file;
	char name[NAME_SIZE];
	struct text groups; /* their names */
};

static struct bytes map_names(const char *path)
{
	struct bytes file;
	struct problem ignored; /* without the file, numbers will do */

	return file_map(path, &file, &ignored) ? file : (struct bytes){0};
}

/* The effective group, and all others. */
static void get_groups(struct facts_user *user)
{
	int count = getgroups(0, NULL);
	gid_t *groups = keep(((size_t)(count < 0 ? 0 : count) + 1) * sizeof(*groups));

	groups[0] = getegid();
	count = getgroups(count, groups + 1);
	user->group = groups;
	user->groups = 1 + (size_t)(count < 0 ? 0 : count);
}

static void name_groups(struct self *self)
{
	const uint32_t *group = self->user.group;
	unsigned shown = 0;

	text_begin(&self->groups);
	for (size_t i = 0; i < self->user.groups; i++) {
		char name[NAME_SIZE];

		if (i && group[i] == group[0])
			continue;
		facts_name(self->group_file, group[i], name, sizeof(name));
		text_add(&self->groups, "%s%s", shown ? ", " : "",
			 shown == GROUPS_SHOWN ? "..." : name);
		if (shown++ == GROUPS_SHOWN)
			return;
	}
}

static void get_self(struct self *self)
{
	struct bytes users = map_names("/etc/passwd");

	self->user.user = geteuid();
	get_groups(&self->user);
	facts_name(users, self->user.user, self->name, sizeof(self->name));
	file_unmap(&users);
	self->group_file = map_names("/etc/group");
	name_groups(self);
}

/* Finds the fix: put SELF into the device's GROUP, or give GROUP access. */
static void choose_fix(const struct self *self, const struct facts_file *file, const char *group,
		       struct text *fix)
{
	switch (facts_access(file, &self->user)) {
	case FACTS_MAY:
		text_set(fix, "its mode would allow it: look for a security module's or a "
			      "container's policy");
		break;
	case FACTS_JOIN:
		if (facts_is_member(self->group_file, file->group, self->name))
			text_set(fix, "log in again: %s is in group %s only since then", self->name,
				 group);
		else
			text_set(fix, "usermod -aG %s %s, then log in again", group, self->name);
		break;
	case FACTS_MODE:
		text_set(fix,
			 "as root: chgrp kvm " KVM_PATH " && chmod 660 " KVM_PATH
			 " && usermod -aG kvm %s, then log in again",
			 self->name);
		break;
	}
}

static void find_refusal(struct doctor *doctor, const struct stat *stat)
{
	const struct facts_file file = {stat->st_mode, stat->st_uid, stat->st_gid};
	struct self self;
	struct text fix;
	char group[NAME_SIZE];

	get_self(&self);
	facts_name(self.group_file, file.group, group, sizeof(group));
	choose_fix(&self, &file, group, &fix);
	doctor_find(doctor, FINDING_FAIL, fix.text,
		    "%s; you are in groups %s, the device belongs to group %s, mode %u%u%u",
		    strerror(EACCES), self.groups.text, group, file.mode >> 6 & 7,
		    file.mode >> 3 & 7, file.mode & 7);
	file_unmap(&self.group_file);
}

void doctor_check_device(struct doctor *doctor)
{
	struct stat stat_of;

	if (stat(KVM_PATH, &stat_of) == 0 && !S_ISCHR(stat_of.st_mode)) {
		doctor_find(doctor, FINDING_FAIL, "remove it; " ARCH_LOAD_KVM,
			    "it is no character device");
		return;
	}
	doctor->kvm.system = open(KVM_PATH, O_RDWR | O_CLOEXEC);
	if (doctor->kvm.system >= 0)
		doctor_find(doctor, FINDING_OK, NULL, "may be used");
	else if (errno == EACCES && stat(KVM_PATH, &stat_of) == 0)
		find_refusal(doctor, &stat_of);
	else
		doctor_find(doctor, FINDING_FAIL, kvm_mend(errno), "%s", strerror(errno));
}

void doctor_check_kvm(struct doctor *doctor)
{
	struct problem problem;

	if (doctor->kvm.system < 0)
		return;
	if (kvm_check(&doctor->kvm, KVM_PATH, &problem)) {
		doctor_find(doctor, FINDING_OK, NULL,
			    "API version %d, with every capability that is needed",
			    KVM_API_VERSION);
		return;
	}
	doctor_find_problem(doctor, FINDING_FAIL, &problem);
	close(doctor->kvm.system);
	doctor->kvm.system = -1;
}

void doctor_check_vm(struct doctor *doctor)
{
	struct problem problem;

	if (doctor->kvm.system < 0)
		return;
	if (!kvm_make_vm(&doctor->kvm, KVM_PATH, &problem)) {
		doctor_find_problem(doctor, FINDING_FAIL, &problem);
		return;
	}
	int vcpu = ioctl(doctor->kvm.vm, KVM_CREATE_VCPU, 0ul);
	if (vcpu < 0) {
		doctor_find(doctor, FINDING_FAIL, kvm_mend(errno), "KVM refuses a vCPU: %s",
			    strerror(errno));
		return;
	}
	close(vcpu);
	doctor_find(doctor, FINDING_OK, NULL, "a VM and a vCPU can be made");
}

void doctor_check_guests(struct doctor *doctor)
{
	arch_examine(doctor, &doctor->kvm);
}
