# What the process does after lockdown, seen from outside.
load helpers

# The system calls that the filter allows, and why: the *_allow functions.
allowed='clock_gettime exit_group futex ioctl ppoll read write'

# Runs mayfly under strace; the names of the calls made after the filter went in, each once, in $calls.
trace() {
	strace -f -qq -o "$BATS_TEST_TMPDIR/trace" "$mayfly" run -k "$bare" "$@" </dev/null >/dev/null 2>&1 || true
	sealed "$BATS_TEST_TMPDIR/trace"
}

# sealed TRACE: what was done after the filter for all went in, but for each thread's narrowing of it, in $after; the
# names of the calls, each once, in $calls.
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

# bats test_tags=irqchip
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

# traced NAME COMMAND...: all calls with all arguments in hexadecimal, in trace.NAME. It runs in $where, if that is set.
traced() {
	local name=$1
	shift
	${where:-} timeout 60 strace -f -qq -e raw=all -o "trace.$name" "$@" >"out.$name" 2>&1 3>&- || true
}

# The rules that none of the calls in TRACE... uses. What children do, which have filters of their own, does not count:
# they are forked, which is all that the process does with a clone that makes no thread.
unused_rules() {
	"$mayfly" selftest --list >rules
	awk '
		function digits(text) {
			sub(/^0x/, "", text)
			return sprintf("%016s", text)
		}
		function padded(text) {
			text = digits(text)
			gsub(/ /, "0", text)
			return "x" text
		}
		function allows(range, actual, ends) {
			if (range == "*") return 1
			if (split(range, ends, "-") == 1) ends[2] = ends[1]
			return padded(actual) >= padded(ends[1]) && padded(actual) <= padded(ends[2])
		}
		FILENAME == "rules" {
			rule[++rules] = $0
			next
		}
		FNR == 1 { main = $1; sealed = 0; split("", child) }
		/(fork|clone)\(/ && !/clone\(0x[0-9a-f]*[13579bdf][0-9a-f][0-9a-f][0-9a-f][0-9a-f],/ && /= 0x/ { child[sprintf("%d", hex($NF))] = 1 }
		{
			call = $0
			sub(/^[0-9]+ +/, "", call)
			arguments = call
			sub(/\(.*/, "", call)
			sub(/^[^(]*\(/, "", arguments)
			sub(/[) ]*(=.*|<unfinished.*)?$/, "", arguments)
			split(arguments, argument, /, */)
			for (i = 1; sealed && !($1 in child) && i <= rules; i++) {
				if (used[i] || split(rule[i], word, " ") < 2 || word[2] != call) continue
				used[i] = 1
				for (j = 3; j in word; j++) if (!allows(word[j], argument[j - 2])) used[i] = 0
			}
		}
		$1 == main && /seccomp\(0x1, 0x1,/ { sealed = 1 }
		function hex(text, value, i) {
			value = 0
			text = tolower(text)
			sub(/^0x/, "", text)
			for (i = 1; i <= length(text); i++) value = value * 16 + index("0123456789abcdef", substr(text, i, 1)) - 1
			return value
		}
		END {
			for (i = 1; i <= rules; i++) {
				sub(/^[a-z]* /, "", rule[i])
				line = rule[i]
				seen[line] = seen[line] + used[i]
				if (!(line in told)) order[++lines] = line
				told[line] = 1
			}
			for (i = 1; i <= lines; i++) if (!seen[order[i]]) print order[i]
		}
	' rules "$@"
}

@test "every rule is used" {
	cd "$BATS_TEST_TMPDIR"
	truncate -s 1M disk ephemeral
	# In the slots that `mayfly selftest` pretends.
	where=netns traced devices "$mayfly" run -k "$bare" -a test=rules -c 2 -d disk -d ephemeral,ephemeral \
		-n tap=t0,queues=2 --stats stats -- x </dev/null
	is 0 "$(sed -n 's/.*"exit_code": \([0-9]*\).*/\1/p' stats)"
	traced outbox "$mayfly" run -k "$bare" -a test=exit -o /out:out -- x </dev/null
	traced output "$mayfly" run -k "$bare" -a test=output --console log -- x </dev/null
	printf 'some\nwords\n' | traced cat "$mayfly" run -k "$bare" -a test=cat -- x
	traced console "$mayfly" run -k "$bare" -a "test=echo greet=1" <<<"typed."
	traced end "$mayfly" run -k "$bare" -a "test=rules end=poweroff" </dev/null
	traced crash "$mayfly" run -k "$bare" -a "test=${ends##* }" </dev/null
	traced timeout "$mayfly" run -k "$bare" -a test=spin --timeout 0.2 -- x </dev/null
	# The clock that only arm64 has.
	[ "$(uname -m)" != aarch64 ] || traced clock "$mayfly" run -k "$bare" -a "test=clock now=$(date +%s)" -- x </dev/null
	# A terminal that changes its size; then the VM is told to end.
	export mayfly bare shown=$BATS_TEST_TMPDIR/typescript
	on_terminal '{ until_shown asleep; stty rows 44 cols 101 </dev/tty; sleep 0.3; kill "$(pgrep -P "$(pgrep -P $$ strace)")"; } &
		strace -f -qq -e raw=all -o trace.terminal "$mayfly" run -k "$bare" -a test=sleep -v -t -- x; echo "code $?"' < <(
		until_true grep -q code "$shown"
	)
	has "$output" "code 143"
	unused_rules trace.* >unused
	is "" "$(cat unused)"
}

@test "a VM that was stopped and goes on is under its limits of time, and the filter" {
	start spin --timeout 2 -v
	until_true said spinning
	kill -STOP "$pid"
	sleep 0.3
	kill -CONT "$pid"
	code "$pid"
	is 124 "$code"
	# In a wait, which goes on with what is left of the time: no call of the kernel's own for that.
	start sleep --timeout 1.5
	until_true said asleep
	for _ in 1 2 3; do
		kill -STOP "$pid"
		sleep 0.1
		kill -CONT "$pid"
		sleep 0.1
	done
	code "$pid"
	is 124 "$code"
}
