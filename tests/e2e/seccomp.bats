# What the process does after lockdown, seen from outside.
load helpers

# The system calls that the filter allows, and why: vmm/*.c and devices/*.c, the *_allow functions.
allowed='clock_gettime exit_group futex ioctl ppoll read write'

# Runs mayfly under strace; the names of the calls made after the filter went in, each once, in $calls.
trace() {
	strace -f -qq -o "$BATS_TEST_TMPDIR/trace" "$mayfly" run -k "$bare" "$@" </dev/null >/dev/null 2>&1 || true
	sealed "$BATS_TEST_TMPDIR/trace"
}

# sealed TRACE: what was done after the filter for all went in, but for each thread's narrowing of it, in $after; the names of
# the calls, each once, in $calls.
sealed() {
	after=$(sed -n '/ seccomp(SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, {.*\( = 0\|unfinished ...>\)$/,$p' "$1" | tail -n +2 |
		grep -v -e ' seccomp(SECCOMP_SET_MODE_FILTER, 0, {' -e 'seccomp resumed>')
	calls=$(printf '%s\n' "$after" | sed -n 's/^[0-9]* *\([a-z0-9_]*\)(.*/\1/p' | sort -u)
}

@test "after the filter only the documented calls are made" {
	for test in "hello" "output" "exit code=3" "ram mib=256"; do
		trace -a "test=$test" -c 2 -- x
		[ -n "$calls" ]
		for call in $calls; do has " $allowed " " $call "; done
	done
}

@test "a disk adds its own calls, on its own descriptors" {
	cd "$BATS_TEST_TMPDIR"
	truncate -s 1M disk
	for keys in "" ,ro ,ephemeral; do
		test=blkrw
		[ "$keys" != ,ro ] || test=blkro
		trace -d "disk$keys" --stats stats -a "test=$test" -- x
		grep -q 'preadv(96' trace
		for call in $calls; do has " $allowed preadv pwritev fdatasync fallocate " " $call "; done
		case $keys in
		,ro) is "" "$(grep -E 'pwritev|fallocate|fdatasync' trace)" ;;
		,ephemeral)
			grep -q 'pwritev(104' trace
			is "" "$(grep -E '(pwritev|fallocate|fdatasync)\(96' trace)"
			;;
		*) grep -q 'pwritev(96' trace && grep -q 'fdatasync(96' trace ;;
		esac
	done
}

@test "a NIC adds its own" {
	cd "$BATS_TEST_TMPDIR"
	netns strace -f -qq -o trace "$mayfly" run -k "$bare" -n tap=t0,queues=2 -a "test=netevil" -- x </dev/null >/dev/null 2>&1 || true
	sealed trace
	has "$calls" writev
	for call in $calls; do has " $allowed readv writev " " $call "; done
	is "" "$(printf '%s\n' "$after" | grep 'ioctl(' | grep -vE 'KVM_RUN|ioctl\(32[0-7], (TUNSETOFFLOAD|TUNSETQUEUE)')"
	is 0 "$(grep -c SIGSYS trace)"
}

@test "every ioctl after the filter is one for a vCPU, however the guest ends" {
	for test in $ends; do
		trace -a "test=$test"
		for call in $calls; do has " $allowed " " $call "; done
		printf '%s\n' "$after" | grep 'ioctl(' >"$BATS_TEST_TMPDIR/ioctls"
		grep -q KVM_RUN "$BATS_TEST_TMPDIR/ioctls"
		is "" "$(grep -vE "ioctl\((6[4-9]|[78][0-9]|9[0-5]), ($vcpu_ioctls)\b|resumed" "$BATS_TEST_TMPDIR/ioctls")"
	done
}

@test "the filter is in force before the first KVM_RUN" {
	trace -a test=hello
	is "" "$(sed '/ seccomp(SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, {.* = 0$/,$d' "$BATS_TEST_TMPDIR/trace" | grep KVM_RUN)"
	grep -q KVM_RUN "$BATS_TEST_TMPDIR/trace"
}

@test "no option turns it off" {
	run bash -c "'$mayfly' run --help | grep -i seccomp"
	is 1 "$status"
	for option in --no-seccomp --seccomp=off --jail=none; do
		run "$mayfly" run -k "$bare" "$option"
		is 125 "$status"
	done
}

@test "SIGTERM ends the VM in order: by exit, not by the signal" {
	strace -f -qq -o "$BATS_TEST_TMPDIR/trace" "$mayfly" run -k "$bare" -a test=spin </dev/null >"$BATS_TEST_TMPDIR/out" 3>&- &
	pid=$!
	until_true said spinning
	kill "$(pgrep -P "$pid")"
	code "$pid"
	is 143 "$code"
	grep -q 'exit_group(143)' "$BATS_TEST_TMPDIR/trace"
}

@test "a host that forbids pidfds runs the guest all the same" {
	run strace -o "$BATS_TEST_TMPDIR/trace" -e trace=pidfd_open -e inject=pidfd_open:error=EPERM "$mayfly" run -k "$bare" -a test=hello </dev/null
	is 0 "$status"
	is "hello, world" "$output"
}
