#include "commands/selftest.h"

#include <signal.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/exitcode.h"
#include "base/fdplan.h"
#include "base/json.h"
#include "base/text.h"
#include "cli/cli.h"
#include "cli/options.h"
#include "roles.h"
#include "sandbox/outer.h"
#include "vm_state.h"

#define X32 0x40000000

/* Every system call that a list may allow: no more than docs/threat-model.md has. */
static const struct {
	int nr;
	const char *name;
} documented[] = {
	{SYS_clock_gettime, "clock_gettime"},
	{SYS_exit_group, "exit_group"},
	{SYS_fallocate, "fallocate"},
	{SYS_fdatasync, "fdatasync"},
	{SYS_futex, "futex"},
	{SYS_ioctl, "ioctl"},
	{SYS_ppoll, "ppoll"},
	{SYS_preadv, "preadv"},
	{SYS_pwritev, "pwritev"},
	{SYS_read, "read"},
	{SYS_readv, "readv"},
	{SYS_seccomp, "seccomp"}, /* until each thread has its own filter */
	{SYS_write, "write"},
	{SYS_writev, "writev"},
};

static const char *const role_names[] = {"main", "vcpu", "disk", "ephemeral", "net"};

enum { DOCUMENTED = sizeof(documented) / sizeof(documented[0]) };

static const char *call_name(int nr)
{
	for (unsigned i = 0; i < DOCUMENTED; i++)
		if (documented[i].nr == nr)
			return documented[i].name;
	return NULL;
}

/* --- the configuration --- */

/* A VM with one of everything, without hardware behind it. */
static bool pretend(struct vm *vm, struct options *options, struct problem *problem)
{
	options_begin(options);
	options->job.outs = 1;
	options->stats = "";
	vm->options = options;
	vm->terminal.raw = true;
	uart_init(&vm->console, FD_CONSOLE_IRQ, FD_CONSOLE_KICK);
	uart_init(&vm->channel_uart, FD_CHANNEL_IRQ, FD_CHANNEL_KICK);
	return devices_pretend(&vm->devices, problem);
}

/* --- output --- */

/* One line per rule: role, call, and the allowed values of each argument, in hexadecimal; "*":
 * anything. */
static void put_rule(struct writer *out, const char *role, const struct sysfilter_rule *rule)
{
	struct text line;

	text_set(&line, "%s %s", role, call_name(rule->nr) ? call_name(rule->nr) : "?");
	writer_put(out, line.text);
	for (unsigned argument = 0; argument < 4 && rule->conditions; argument++) {
		text_set(&line, " *");
		for (unsigned i = 0; i < rule->conditions; i++) {
			const struct sysfilter_condition *is = &rule->condition[i];
			uint32_t span = ~(uint32_t)is->mask;

			if (is->argument == argument)
				text_set(&line, span ? " %llx-%llx" : " %llx",
					 (unsigned long long)is->value,
					 (unsigned long long)is->value + span);
		}
		writer_put(out, line.text);
	}
	writer_put(out, "\n");
}

static void put_rules(struct writer *out, const char *role, const struct sysfilter *list)
{
	for (unsigned i = 0; i < list->count; i++)
		put_rule(out, role, &list->rule[i]);
}

static bool has_call(const struct sysfilter *list, int nr)
{
	for (unsigned i = 0; i < list->count; i++)
		if (list->rule[i].nr == nr)
			return true;
	return false;
}

/* "vcpu: 2610 tried, 2590 denied; of 1024 system calls 5 can pass, by 14 rules: futex ioctl …" */
static void put_result(struct writer *out, const struct trial *trial)
{
	struct text line;
	unsigned calls = 0;

	for (unsigned i = 0; i < DOCUMENTED; i++)
		calls += has_call(trial->list, documented[i].nr);
	text_set(&line, "%s: %u tried, %u denied; %u calls pass, by %u rules:", trial->role,
		 trial->test->tried, trial->test->denied, calls, trial->list->count);
	writer_put(out, line.text);
	for (unsigned i = 0; i < DOCUMENTED; i++)
		if (has_call(trial->list, documented[i].nr)) {
			writer_put(out, " ");
			writer_put(out, documented[i].name);
		}
	writer_put(out, "\n");
}

static void put_exemptions(struct writer *out)
{
	writer_put(
		out,
		"this kernel lets pass every filter, as they do nothing outside of a probe of its "
		"own:");
	for (const struct exemption *exemption = arch_exemptions; exemption->name; exemption++) {
		writer_put(out, " ");
		writer_put(out, exemption->name);
	}
	writer_put(out, "\n");
}

/* Counts and reports rules for calls that are not documented. */
static unsigned undocumented(const struct sysfilter *list)
{
	unsigned count = 0;

	for (unsigned i = 0; i < list->count; i++)
		if (!call_name(list->rule[i].nr)) {
			report("selftest: system call %d is allowed, and is not documented (this "
			       "is a bug in mayfly: please report it)",
			       list->rule[i].nr);
			count++;
		}
	return count;
}

/* --- the command --- */

struct selftest_options {
	bool list, help;
};

static const struct cli_option table[] = {
	{0, "list", NULL, NULL, offsetof(struct selftest_options, list),
	 "list what is allowed: one rule per line, arguments in hexadecimal"},
	{'h', "help", NULL, NULL, offsetof(struct selftest_options, help), "show this help"},
};

static const struct cli cli = {
	.command = "selftest",
	.before =
		"Usage: mayfly selftest [--list]\n"
		"Proves on this host that the seccomp filters of a VM with a device of each kind deny what\n"
		"they should. Tries each system call in a process of its own. Needs no KVM.\n\n",
	.after = "\nExit codes: 0 exactly the documented calls pass; 1 not so;\n"
		 "125 bad usage, or standard output failed.\n",
	.options = table,
	.count = sizeof(table) / sizeof(table[0]),
	.operands = 1, /* so that cli_options_only() refuses it */
};

/* Tries the outer filter first, then each role's. TEST has the sum. */
static void try_roles(struct selftest *test, const struct vm *vm, const struct sysfilter *all,
		      struct writer *out)
{
	static struct sysfilter list;

	for (int role = -1; role < (int)roles_count(vm); role++) {
		struct selftest part = {.all = test->all};
		struct trial trial = {&part, &list, NULL, "all"};

		list.count = 0;
		if (role < 0) {
			outer_allow(&list);
			trial_numbers(&trial, X32);
			trial_everything(&trial);
		} else {
			role_allow(vm, (unsigned)role, &list);
			trial.own = &vm->roles.program[role];
			trial.role = role_names[role];
			trial_role(&trial, all);
		}
		put_result(out, &trial);
		writer_flush(out);
		test->tried += part.tried;
		test->denied += part.denied;
		test->exempt += part.exempt;
		test->wrong += part.wrong;
	}
}

static void list_roles(const struct vm *vm, struct writer *out)
{
	static struct sysfilter list;

	for (unsigned role = 0; role < roles_count(vm); role++) {
		list.count = 0;
		role_allow(vm, role, &list);
		put_rules(out, role_names[role], &list);
	}
}

/* A call that passes by mistake must do no harm: one would empty the host name. */
static bool go_to_jail(struct problem *problem)
{
	const struct jail_options options = {.uid = JAIL_NOBODY, .gid = JAIL_NOBODY};
	const struct rlimit no_core = {0, 0};
	struct jail jail;

	sigset_t none;

	/* The defaults: children are waited for, and SIGALRM ends them. */
	signal(SIGCHLD, SIG_DFL);
	signal(SIGALRM, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	/* A core dump also ends processes that share the memory. */
	if (setrlimit(RLIMIT_CORE, &no_core) < 0 || prctl(PR_SET_DUMPABLE, 0) < 0)
		return problem_set(problem, "cannot turn off core dumps (allow prctl(2))");
	return jail_enter(&jail, &options, problem) &&
	       (jail_enter_thread(&jail) ||
		problem_set(problem, "cannot enter Landlock (allow it here)"));
}

static int test_all(struct vm *vm, struct sysfilter *all, struct writer *out)
{
	struct selftest test = {.all = outer_program()};
	struct utsname host;
	struct problem problem;
	struct text text;

	uname(&host);
	text_set(&text, "mayfly " MAYFLY_VERSION " selftest: seccomp on Linux %s, %s\n",
		 host.release, host.machine);
	writer_put(out, text.text);
	if (!outer_is_libseccomps(&problem) || !go_to_jail(&problem)) {
		problem_report(&problem);
		return CODE_MAYFLY_FAILED;
	}
	test.wrong = undocumented(all);
	/* A harmless call comes first: if it is not denied, nothing else is tried. */
	selftest_try(&test, NULL, "all", &(struct attempt){.nr = SYS_getppid}, false);
	if (test.wrong)
		return 1;
	try_roles(&test, vm, all, out);
	for (const struct entry *entry = arch_entries; entry->name; entry++)
		selftest_enter(&test, entry);
	if (test.exempt)
		put_exemptions(out);
	text_set(&text, "%u tried, %u denied, %u exempt, %u wrong\n", test.tried, test.denied,
		 test.exempt, test.wrong);
	writer_put(out, text.text);
	return test.wrong ? 1 : CODE_OK;
}

int selftest_run(char **arguments)
{
	static struct vm vm;
	static struct options vm_options;
	static struct sysfilter all;
	static struct writer out;
	struct selftest_options options = {0};
	struct cli_words words;
	struct problem problem;
	int code = CODE_OK;

	if (!cli_parse(&cli, arguments, &options, &words, &problem) ||
	    !cli_options_only(&cli, &words, &problem) || !pretend(&vm, &vm_options, &problem) ||
	    !roles_prepare(&vm, &vm.roles, &problem)) {
		problem_report(&problem);
		return CODE_MAYFLY_FAILED;
	}
	out.fd = STDOUT_FILENO;
	if (options.help)
		return cli_said(cli_help(&cli));
	if (options.list)
		list_roles(&vm, &out);
	else {
		outer_allow(&all);
		code = test_all(&vm, &all, &out);
	}
	bool whole = writer_flush(&out);
	return whole ? code : cli_said(whole);
}
