# Limits, signals and what is left behind, with bare guests: on any /dev/kvm.
load helpers

# Where the machine is emulated, fewer runs have to do.
setup() {
	cd "$BATS_TEST_TMPDIR"
	in_a_row=200 at_once=50
	[ -z "${E2E_FILES:-}" ] || in_a_row=20 at_once=8
}

# soon COMMAND...: it must be over before anybody would call it a hang.
soon() {
	local began=$SECONDS
	"$@"
	[ $((SECONDS - began)) -le 15 ]
}

@test "--timeout ends a guest that spins, sleeps, or never gets ready" {
	soon guest spin --timeout 500ms
	failed 124 "--timeout is over"
	is spinning "$output"
	soon guest spin --timeout 500ms -c 3
	failed 124 "--timeout is over"
	soon guest sleep --timeout 500ms
	failed 124 "--timeout is over"
	soon job spin --timeout 500ms --grace 100
	failed 124 "--timeout is over"
}

@test "--cpu-time is what the guest computes, not how long it sleeps" {
	soon guest spin --cpu-time 500ms --timeout 100
	failed 124 "--cpu-time"
	soon job spin --cpu-time 500ms --timeout 100
	failed 124 "--cpu-time"
	soon guest sleep --cpu-time 2 --timeout 4
	failed 124 "--timeout is over"
}

@test "--idle-timeout is silence: a guest that talks is not idle" {
	soon guest sleep --idle-timeout 500ms --timeout 100
	failed 124 "--idle-timeout"
	soon run --separate-stderr sh -c "'$mayfly' run -k '$bare' -a test=flood --idle-timeout 1 --timeout 3 </dev/null >/dev/null"
	failed 124 "--timeout is over"
}

@test "a limit that is not reached changes nothing" {
	job "exit code=7" --timeout 100 --cpu-time 100 --idle-timeout 100
	ended 7
	is "" "$stderr"
}

# flood OPTION...: on a console that is a pipe, which is full already, however slow the guest is.
flood() {
	head -c 65536 /dev/zero
	exec timeout 60 "$mayfly" run -k "$bare" -a test=flood "$@" </dev/null
}

# unread OPTION...: a flood on the console whose reader sleeps; exit code in $code.
unread() {
	mkfifo fifo
	sleep 100 <fifo 3>&- &
	reader=$!
	flood "$@" >fifo 2>err 3>&- &
	soon code "$!"
	kill "$reader"
}

@test "limits hold where nobody reads what the guest writes" {
	for limit in --timeout --idle-timeout; do
		unread "$limit" 2
		is 124 "$code"
		grep -q "^mayfly: timed out: .*$limit" err
		is 1 "$(wc -l <err)"
		rm fifo
	done
}

@test "a guest without a command whose last output nobody reads is no success" {
	cd "$BATS_TEST_TMPDIR"
	{ { head -c 65536 /dev/zero; "$mayfly" run -k "$bare" -a test=hello --timeout 2 </dev/null 2>err; echo $? >code; } | { while [ ! -s code ]; do sleep 0.1; done; }; } || true
	is 124 "$(cat code)"
	has "$(cat err)" "its output was not read"
}

@test "the line about a limit is not waited for either" {
	mkfifo both
	sleep 100 <both 3>&- &
	reader=$!
	flood --timeout 1 >both 2>&1 3>&- &
	soon code "$!"
	kill "$reader"
	is 124 "$code"
}

# listening OPTION...: a workload that heeds no signal, in the foreground's place; $pid. It lives while descriptor 8
# does.
listening() {
	rm -f in
	mkfifo in
	exec 8<>in
	set -m
	"$mayfly" run -k "$bare" -a test=cat "$@" -- x <&8 >"$BATS_TEST_TMPDIR/out" 2>&1 3>&- 8>&- &
	pid=$!
	set +m
	echo up >&8
	until_true said up
}

@test "a signal leaves a workload its time of grace, and what ended it is said" {
	for signal in TERM:143 INT:130 HUP:129 QUIT:131; do
		listening --grace 1
		began=$(date +%s)
		kill "-${signal%:*}" "$pid"
		soon code "$pid"
		is "${signal#*:}" "$code"
		[ $(($(date +%s) - began)) -ge 1 ]
	done
}

@test "--grace 0 and the third signal end it at once; --timeout does not wait for grace" {
	listening --grace 0
	kill "$pid"
	soon code "$pid"
	is 143 "$code"
	listening --grace 100
	kill "$pid"
	sleep 0.3
	kill -INT "$pid"
	sleep 0.3
	kill -0 "$pid"
	kill -HUP "$pid"
	soon code "$pid"
	is 129 "$code"
	listening --grace 100 --timeout 3
	kill "$pid"
	soon code "$pid"
	is 124 "$code"
}

@test "other signals are the workload's, and end nothing" {
	listening --timeout 60
	for signal in USR1 USR2 WINCH; do kill "-$signal" "$pid"; done
	echo still here >&8
	until_true said "still here"
	kill "$pid"
	kill "$pid"
	kill "$pid"
	code "$pid"
	is 143 "$code"
}

@test "options come from a file, one a line; an error in it says where" {
	printf '# how\n-k %s\n\n  -a test=exit code=9  \n-c2\n' "$bare" >good
	run --separate-stderr "$mayfly" run @good -- workload </dev/null
	ended 9
	printf -- '-k %s\n-a test=exit code=9\n--\nworkload\n' "$bare" >whole
	run --separate-stderr "$mayfly" run @whole </dev/null
	ended 9
	while IFS='|' read -r text line word; do
		printf -- "-k %s\n# a comment\n$text" "$bare" >bad
		run --separate-stderr "$mayfly" run @bad -- workload </dev/null
		failed 125 "bad, line $line: " "$word"
	done <<-'END'
		--frobnicate|3|unknown option
		\n\n-c 99|5|1 to 32
		-m|3|needs a value
		-f\n|3|needs a value
		-v yes|3|one word too many
		stray|3|stray
	END
	run --separate-stderr "$mayfly" run @missing </dev/null
	failed 125 "cannot open missing" "No such file"
	printf -- '-k\0x' >binary
	run --separate-stderr "$mayfly" run @binary </dev/null
	failed 125 "binary is no text"
}

# Memory that no process has could be left, too. Other suites use some for a while.
shared_mib() { awk '/^Shmem:/ { print int($2 / 1024) }' /proc/meminfo; }
freed() { [ "$(shared_mib)" -le $((memory + 50)) ]; }

# leave_traces [OPTION...]: a run that might; it ends with 7.
leave_traces() {
	code=0
	"$mayfly" run -k "$bare" -a "test=exit code=7 trace=$$" -f file -f file:/directory/ "$@" -- x </dev/null || code=$?
	is 7 "$code"
}

@test "very many runs, one after another and side by side, leave nothing behind" {
	mkdir empty
	export TMPDIR=$PWD/empty
	head -c 1000000 /dev/urandom >file
	truncate -s 1M disk other
	before=$(traces "trace=$$") memory=$(shared_mib)
	for _ in $(seq "$in_a_row"); do
		leave_traces -d disk -d other,ephemeral
	done
	pids=''
	for _ in $(seq "$at_once"); do
		leave_traces -c 2 -d disk,ro 3>&- &
		pids="$pids $!"
	done
	for pid in $pids; do wait "$pid"; done
	leave_traces -d disk # nobody holds the lock
	is "$before" "$(traces "trace=$$")"
	until_true freed
}
