# The launcher with bare guests: on any /dev/kvm.
load helpers

# bats test_tags=irqchip
@test "hello: the console is standard output" {
	guest hello
	ended 0
	is "hello, world" "$output"
	is "" "$stderr"
}

@test "a byte that is followed by sleep arrives" {
	start onebyte
	until_true said '!'
	kill "$pid"
	code "$pid"
	is 143 "$code"
}

# bats test_tags=irqchip
@test "power-off and every reset end a plain boot with 0" {
	for name in poweroff $resets; do
		guest "$name"
		ended 0
		is "" "$stderr"
	done
}

@test "power-off and every reset without a result are 122" {
	for name in poweroff $resets; do
		job "$name"
		failed 122 "without saying how its workload ended"
	done
}

@test "a panic is 122, in a plain boot too" {
	guest panic
	failed 122 "panicked"
	job panic
	failed 122 "panicked"
}

# bats test_tags=irqchip
@test "exit codes 0, 1, 42 and 255 are the workload's" {
	for code in 0 1 42 255; do
		job "exit code=$code"
		ended "$code"
		is "" "$stderr"
	done
}

@test "a workload killed by signal n is 128+n" {
	job "killed code=9"
	ended 137
	job "killed code=15"
	ended 143
}

@test "a workload that is not found is 127, one that cannot be executed 126" {
	job "notstarted code=2"
	failed 127 "cannot run 'workload'" "not found"
	job "notstarted code=13"
	failed 126 "cannot run 'workload'" "Permission denied"
	job "notstarted code=8"
	failed 126 "cannot run 'workload'"
}

@test "stdout and stderr are apart, the console goes to neither" {
	job output
	ended 0
	is "to stdout" "$output"
	is "to stderr" "$stderr"
}

@test "-v shows the console on stderr, --console in a file" {
	job output -v
	ended 0
	is "to stdout" "$output"
	has "$stderr" "to the console"
	job output --console "$BATS_TEST_TMPDIR/log"
	ended 0
	is "to stderr" "$stderr"
	is "to the console" "$(cat "$BATS_TEST_TMPDIR/log")"
}

# bats test_tags=irqchip
@test "stdin and its end reach the workload, byte for byte" {
	head -c 9000 /dev/urandom >"$BATS_TEST_TMPDIR/in" # nine frames, each byte of them two exits
	timeout 60 "$mayfly" run -k "$bare" -a test=cat -- x <"$BATS_TEST_TMPDIR/in" >"$BATS_TEST_TMPDIR/out"
	cmp "$BATS_TEST_TMPDIR/in" "$BATS_TEST_TMPDIR/out"
}

# bats test_tags=irqchip
@test "console input from a pipe is neither lost nor reordered" {
	text=$(seq 1200 | tr '\n' ' ') # more than mayfly holds
	is "$text." "$(printf '%s.' "$text" | timeout 60 "$mayfly" run -k "$bare" -a test=echo)"
}

@test "closed standard streams are like /dev/null" {
	is "hello, world" "$("$mayfly" run -k "$bare" -a test=hello <&-)"
	"$mayfly" run -k "$bare" -a test=hello >&-
	"$mayfly" run -k "$bare" -a test=hello <&- >&- 2>&-
	is "to stdout" "$("$mayfly" run -k "$bare" -a test=output -- x <&- 2>&-)"
}

@test "output to a full disk is 125, said once" {
	run --separate-stderr sh -c "'$mayfly' run -k '$bare' -a test=output -- x >/dev/full"
	failed 125 "cannot write standard output" "No space left"
	run --separate-stderr sh -c "'$mayfly' run -k '$bare' -a test=hello >/dev/full"
	failed 125 "cannot write the console" "No space left"
}

# To a pipe, which is full already: each byte of a guest's costs exits, and to fill it takes half a minute in a lab.
flood() {
	head -c 65536 /dev/zero
	exec "$mayfly" run -k "$bare" -a test=flood --timeout 60
}

big() {
	head -c 65536 /dev/zero
	exec "$mayfly" run -k "$bare" -a test=big
}

crash_unheard() {
	head -c 65536 /dev/zero
	exec "$mayfly" run -k "$bare" -a test=panic 2>&1
}

@test "a slow reader of the console holds the guest back and loses nothing" {
	(flood) </dev/null | { sleep 1; head -c 80000; } | tail -c +65537 >"$BATS_TEST_TMPDIR/out" || true
	is 0 "$(tr -d '\n' <"$BATS_TEST_TMPDIR/out" | sed 's/flood //g; s/f\?l\?o\?o\?d\?$//' | wc -c)"
	is 14464 "$(wc -c <"$BATS_TEST_TMPDIR/out")"
}

@test "when the console's reader leaves, the VM ends" {
	run bash -c "timeout 60 '$mayfly' run -k '$bare' -a test=flood </dev/null | head -c 10; echo \${PIPESTATUS[0]}"
	is "flood floo141" "$output"
}

# bats test_tags=irqchip
@test "SIGTERM, SIGINT, SIGHUP and SIGQUIT end the VM with 128+n" {
	for signal in TERM:143 INT:130 HUP:129 QUIT:131; do
		set -m # in the foreground's place: a script's background jobs ignore SIGINT
		start spin
		set +m
		until_true said spinning
		kill "-${signal%:*}" "$pid"
		code "$pid"
		is "${signal#*:}" "$code"
	done
}

# idle: what was started has used no CPU for half a second.
idle() {
	local before
	before=$(cut -d ' ' -f 14,15 "/proc/$pid/stat")
	sleep 0.5
	[ "$before" = "$(cut -d ' ' -f 14,15 "/proc/$pid/stat")" ]
}

# unread COMMAND: COMMAND, which becomes mayfly and whose output nobody reads, gets a SIGTERM when all is blocked or
# done, and must exit with 143.
unread() {
	mkfifo "$BATS_TEST_TMPDIR/fifo"
	sleep 100 <"$BATS_TEST_TMPDIR/fifo" 3>&- &
	reader=$!
	"$1" </dev/null >"$BATS_TEST_TMPDIR/fifo" 3>&- &
	pid=$!
	until_true grep -q '^Seccomp:.2$' "/proc/$pid/status"
	until_true idle
	kill "$pid"
	code "$pid"
	kill "$reader"
	is 143 "$code"
}


@test "SIGTERM ends a VM whose output is blocked" {
	unread flood
}

@test "a signal that cuts the last output short is no success" {
	unread big
}

@test "SIGTERM ends a VM whose last line cannot be written" {
	unread crash_unheard
}

@test "an error on stdin is 125, not the end of the input" {
	run --separate-stderr bash -c "'$mayfly' run -k '$bare' -a test=cat -- x </"
	failed 125 "cannot read standard input"
}

@test "what nohup and a script's background ignore is ignored" {
	run bash -c "trap '' HUP; '$mayfly' run -k '$bare' -a test=spin </dev/null >'$BATS_TEST_TMPDIR/out' 2>&1 3>&- & pid=\$!
		until grep -qs spinning '$BATS_TEST_TMPDIR/out'; do sleep 0.05; done
		kill -HUP \$pid; sleep 0.3; kill \$pid; wait \$pid; echo \$?"
	is 143 "$output"
}

@test "the death of the parent ends the VM" {
	sh -c "'$mayfly' run -k '$bare' -a test=sleep </dev/null >'$BATS_TEST_TMPDIR/out' 2>&1 3>&- & echo \$!; sleep 0.1
		while ! grep -q asleep '$BATS_TEST_TMPDIR/out'; do sleep 0.05; done; kill -9 \$\$" \
		>"$BATS_TEST_TMPDIR/pid" || true
	read -r pid <"$BATS_TEST_TMPDIR/pid"
	gone() { ! kill -0 "$pid" 2>/dev/null; }
	until_true gone
}

@test "a guest that breaks the channel's protocol is 122" {
	job "badframe type=77"
	failed 122 "protocol" "type 77"
	job impatient
	failed 122 "protocol" "before the last was taken"
}

@test "ports and addresses where nothing is read as zero" {
	job nothing
	ended 0
}

@test "the memory map is true from 16 MiB to 64 GiB" {
	for mib in 16 64 256 3071 3072 3073 4096 65536; do
		job "ram mib=$mib" -m "${mib}M"
		ended 0
	done
}

# bats test_tags=irqchip
@test "tables that describe the machine are where a kernel looks" {
	job tables -c 3
	ended 0
}

# bats test_tags=irqchip
@test "every CPU of 1, 2, 8 and as many as there can be comes up" {
	for cpus in 1 2 8 "$(most_cpus)"; do
		job "cpus others=$((cpus - 1))" -c "$cpus"
		ended $((cpus - 1))
	done
}

@test "every thread of a running VM is under the filter" {
	start spin -c 3
	until_true said spinning
	for status in /proc/"$pid"/task/*/status; do
		grep -q '^Seccomp:.2$' "$status"
		grep -q '^NoNewPrivs:.1$' "$status"
	done
	[ "$(find "/proc/$pid/task" -mindepth 1 -maxdepth 1 | wc -l)" -ge 4 ]
	kill "$pid"
	code "$pid"
}

@test "no descriptor is inherited" {
	exec 7</proc/self/status
	start spin
	exec 7<&-
	until_true said spinning
	[ ! -e "/proc/$pid/fd/7" ]
	kill "$pid"
	code "$pid"
}

# Whose pages are the guest's: nobody's who may write to them.
@test "a kernel or initrd that somebody may write to can be overwritten while its guest runs" {
	cd "$BATS_TEST_TMPDIR"
	cp "$bare" kernel
	cp "$initrd" initrd
	chmod u+w kernel initrd
	mkfifo typed
	"$mayfly" run -k kernel -i initrd -a "test=echo greet=1" <typed >out 2>&1 3>&- &
	pid=$!
	exec {keys}>typed
	until_true grep -q listening out
	: >kernel
	: >initrd
	echo "typed." >&"$keys"
	code "$pid"
	exec {keys}>&-
	is "0 listening typed." "$code $(xargs <out)"
}

@test "one that nobody may write to boots as well" {
	cp "$bare" "$BATS_TEST_TMPDIR/kernel"
	cp "$initrd" "$BATS_TEST_TMPDIR/initrd"
	chmod a-w "$BATS_TEST_TMPDIR"/{kernel,initrd}
	for pages in auto on off; do
		bare=$BATS_TEST_TMPDIR/kernel guest hello -i "$BATS_TEST_TMPDIR/initrd" --hugepages=$pages
		[ "$pages" = on ] && [ "$status" = 125 ] && grep -q '\[never\]' /sys/kernel/mm/transparent_hugepage/enabled && continue
		ended 0
		is "hello, world" "$output"
	done
}
