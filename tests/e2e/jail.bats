# What mayfly has given up when the guest runs, beside system calls: seen from outside, in /proc.
load helpers

namespaces='user:user ipc:ipc net:net uts:uts'

setup() { cd "$BATS_TEST_TMPDIR"; }

# jailed [OPTION...]: a guest that sleeps, in the background, with a disk of 1 MiB; its output, which is no file, goes
# to ./out; $pid.
jailed() {
	truncate -s 1M disk
	rm -f fifo
	mkfifo fifo
	cat fifo >out 3>&- &
	"$mayfly" run -k "$bare" -a test=sleep -d disk -v "$@" </dev/null >fifo 2>&1 3>&- &
	pid=$!
	until_true said asleep
}

# field NAME: of the process's status, its words one space apart.
field() { sed -n "s/^$1:\s*//p" "/proc/$pid/status" | tr '\t' ' ' | sed 's/ *$//'; }

# hard LIMIT
hard() { sed -nE "s/^Max $1 +[^ ]+ +([^ ]+).*/\1/p" "/proc/$pid/limits"; }

# layer NAME: the process that was started has it, as it says.
layer() { sed -n 's/^mayfly: jail: \([^;]*\).*/\1/p' out | grep -qE "(^|, )$1(,|\$)"; }

# It is of no help where we may not look: the process is nobody's, and cannot be dumped.
may_look() { readlink "/proc/$pid/ns/user" >/dev/null 2>&1; }

leave() {
	kill "$pid"
	code "$pid"
	is 143 "$code"
}

# as_user COMMAND...: as a user who may use KVM and nothing else, in a directory that has ./mayfly and ./bare. The node
# is a copy in a mount namespace of its own. (By bash: the shell of busybox has a setpriv of its own.) Others than root
# are users already.
as_user() {
	if [ "$(id -u)" != 0 ]; then
		ln -sf "$(realpath "$mayfly")" mayfly
		ln -sf "$(realpath "$bare")" bare
		"$@"
		return
	fi
	mkdir -p world
	unshare -m bash -ec '
		mount -t tmpfs -o mode=755 tmpfs world
		cp "$1" world/mayfly
		cp "$2" world/bare
		cp -a /dev/kvm world/kvm
		chmod 666 world/kvm
		chmod a+rx world/mayfly
		chmod a+r world/bare
		mount -o bind world/kvm /dev/kvm
		shift 2
		cd world
		exec setpriv --reuid=65533 --regid=65533 --clear-groups "$@"
	' bash "$(realpath "$mayfly")" "$(realpath "$bare")" "$@"
}

@test "-v says the layers on one line, and --stats has them" {
	guest hello -v --stats stats
	ended 0
	is 1 "$(printf '%s\n' "$stderr" | grep -c '^mayfly: jail: ')"
	said=$(printf '%s\n' "$stderr" | sed -n 's/^mayfly: jail: \([^;]*\).*/\1/p')
	is "$(sed -n 's/^ "jail": \[\(.*\)\],$/\1/p' stats)" "\"${said//, /\", \"}\""
	guest hello
	is "" "$stderr"
	guest hello --jail=off -v --stats stats
	has "$stderr" "mayfly: jail: none"
	grep -q '^ "jail": \[\],$' stats
}

@test "root becomes nobody, or whom the user says, in no group" {
	[ "$(id -u)" = 0 ] || skip "only root can become another user"
	jailed
	is "65534 65534 65534 65534" "$(field Uid)"
	is "65534 65534 65534 65534" "$(field Gid)"
	is "" "$(field Groups)"
	leave
	jailed --uid 1234 --gid 1235
	is "1234 1234 1234 1234" "$(field Uid)"
	is "1235 1235 1235 1235" "$(field Gid)"
	leave
}

@test "it has no capabilities, and can gain none" {
	jailed
	layer no-capabilities
	for set in CapInh CapPrm CapEff CapAmb; do is 0000000000000000 "$(field $set)"; done
	# A user's own bounding set is dropped where there is a user namespace; else it is of no use.
	! layer user-ns || is 0000000000000000 "$(field CapBnd)"
	is 1 "$(field NoNewPrivs)"
	leave
}

@test "its namespaces are its own, and its root is empty" {
	jailed
	may_look || skip "the namespaces of what cannot be dumped are shown to root alone"
	for namespace in $namespaces; do
		! layer "${namespace%:*}-ns" || [ "$(readlink "/proc/$pid/ns/${namespace#*:}")" != "$(readlink "/proc/self/ns/${namespace#*:}")" ]
	done
	if layer empty-root; then
		is "" "$(ls -A "/proc/$pid/root/")"
		is "$(readlink "/proc/$pid/root")" "$(readlink "/proc/$pid/cwd")"
	fi
	! layer net-ns || is "lo:" "$(awk 'NR > 2 { print $1 }' "/proc/$pid/net/dev")"
	leave
}

@test "its limits let it make no process, no long file, few descriptors" {
	jailed -c 3
	layer limits
	! layer user-ns || is 6 "$(hard processes)" # its five threads, and one that KVM makes when the guest begins
	is 9 "$(hard "open files")"
	is 1048576 "$(hard "file size")"
	is 0 "$(hard "core file size")"
	leave
	: >err
	"$mayfly" run -k "$bare" -a test=sleep </dev/null >out 2>err 3>&- &
	pid=$!
	until_true said asleep
	is unlimited "$(hard "file size")" # what standard error is appended to may be long already
	leave
}

@test "every thread is under two filters, its own and everybody's" {
	for jail in auto off; do
		jailed -c 3 "--jail=$jail"
		threads=0
		for thread in "/proc/$pid/task"/*; do
			threads=$((threads + 1))
			grep -q '^Seccomp:	2$' "$thread/status"
			grep -q '^NoNewPrivs:	1$' "$thread/status"
		done
		[ "$threads" -ge 5 ]
		# Linux 5.8 and older do not say how many. Some kernels add a thread of KVM's, which gets everybody's
		# alone.
		if grep -q Seccomp_filters /proc/self/status; then
			filters=$(sed -n 's/^Seccomp_filters:\t//p' "/proc/$pid/status")
			[ "$filters" -ge 2 ]
			[ "$(cat "/proc/$pid/task"/*/status | grep -c "^Seccomp_filters:	$filters\$")" -ge 5 ]
		fi
		leave
	done
}

# Field 41 of /proc/PID/task/TID/stat: SCHED_BATCH is 3.
policies() { for thread in "/proc/$pid/task"/*; do sed 's/.*) //' "$thread/stat" | cut -d ' ' -f 39; done; }

@test "a device's worker lets the vCPU finish first" {
	jailed -c 2
	is 1 "$(policies | grep -cx 3)"
	leave
}

@test "--jail=off leaves everything else as it was" {
	jailed --jail=off
	is "$(id -u)" "$(field Uid | cut -d' ' -f1)"
	is "$(sed -n 's/^CapBnd:\t//p' /proc/self/status)" "$(field CapBnd)"
	if may_look; then
		for namespace in $namespaces; do
			is "$(readlink "/proc/self/ns/${namespace#*:}")" "$(readlink "/proc/$pid/ns/${namespace#*:}")"
		done
	fi
	[ "$(hard "open files")" != 9 ]
	leave
}

# In a chroot the kernel makes none (create_user_ns).
needs_user_namespaces() { unshare -U true || skip "user namespaces cannot be made here, as in a chroot"; }

@test "a user gets the same jail as root, or is told what is missing" {
	needs_user_namespaces
	run --separate-stderr as_user ./mayfly run -k bare -a test=hello -v </dev/null
	ended 0
	has "$stderr" "hello, world"
	has "$stderr" "no-capabilities"
	case $stderr in *nobody*) false ;; esac
	missing=$(printf '%s\n' "$stderr" | sed -n 's/^mayfly: jail: .*; missing: \([^ ]*\) .*/\1/p')
	run --separate-stderr as_user ./mayfly run -k bare -a test=hello --jail=strict </dev/null
	if [ -z "$missing" ]; then
		ended 0
		is "" "$stderr"
	else
		failed 125 "--jail=strict: $missing cannot be had"
	fi
}

@test "only root can become another user" {
	needs_user_namespaces
	for option in --uid --gid; do
		run --separate-stderr as_user ./mayfly run -k bare -a test=hello "$option" 1234 </dev/null
		failed 125 "only root can become another user"
	done
}

# inject CALL:ERROR OPTION...: strace makes the system call fail, and sees no others, which takes long in a lab.
inject() {
	local what=$1
	shift
	run --separate-stderr strace -f --seccomp-bpf -qq -o trace -e "trace=${what%%:*}" -e "inject=$what" "$mayfly" run -k "$bare" -a test=hello "$@" </dev/null
}

# Where a system call is made for other reasons, too, the rest of them fail.
@test "what the host does not have is missing with --jail=auto, and refused by --jail=strict" {
	needs_user_namespaces
	failures='
		user-ns unshare:error=EPERM:when=1
		empty-root chroot:error=EPERM
		ipc-ns unshare:error=EINVAL:when=2
		net-ns unshare:error=EPERM:when=3
		uts-ns unshare:error=ENOSPC:when=4
		nobody setgroups:error=EPERM
		no-capabilities capset:error=EPERM
		landlock landlock_create_ruleset:error=ENOSYS
		landlock landlock_create_ruleset:error=EOPNOTSUPP
		limits prlimit64:error=EPERM:when=3+'
	while read -r layer what; do
		[ -n "$layer" ] || continue
		[ "$layer" != nobody ] || [ "$(id -u)" = 0 ] || continue
		echo "$layer: $what"
		inject "$what" -v
		ended 0
		has "$stderr" "hello, world"
		printf '%s\n' "$stderr" | grep -qE "^mayfly: jail: .*; missing: (.*, )?$layer \("
		inject "$what" --jail=strict
		failed 125 "--jail=strict: $layer cannot be had: "
		is "" "$output"
	done <<<"$failures"
}

@test "root who cannot become whom the user says stays at home" {
	[ "$(id -u)" = 0 ] || skip "only root can become another user"
	inject setgroups:error=EPERM --uid 1234
	failed 125 "cannot become user 1234"
}

@test "a thread that cannot enter Landlock is told, and with --jail=strict ends it" {
	needs_user_namespaces
	guest hello -v
	case $stderr in *landlock*missing* | *landlock) ;; *) [[ $stderr == *landlock,* ]] || skip "this host has no Landlock" ;; esac
	inject landlock_restrict_self:error=E2BIG -v
	ended 0
	has "$stderr" "missing: landlock (Argument list too long)"
	inject landlock_restrict_self:error=E2BIG --jail=strict
	failed 125 "landlock cannot be had"
}

@test "where user namespaces are forbidden, a user has the rest" {
	needs_user_namespaces
	run --separate-stderr as_user strace -f -qq -o /dev/null -e trace=unshare -e inject=unshare:error=ENOSPC \
		./mayfly run -k bare -a test=hello -v </dev/null
	ended 0
	has "$stderr" "missing: user-ns ("
	has "$stderr" "no-capabilities"
	has "$stderr" "limits"
	if [ -n "${LAB:-}" ]; then
		before=$(cat /proc/sys/user/max_user_namespaces)
		echo 0 >/proc/sys/user/max_user_namespaces
		run --separate-stderr as_user ./mayfly run -k bare -a test=hello -v </dev/null
		echo "$before" >/proc/sys/user/max_user_namespaces
		ended 0
		has "$stderr" "missing: user-ns ("
		has "$stderr" "limits"
	fi
}
