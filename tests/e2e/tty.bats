# The console on a terminal: raw mode, escapes, and the terminal as it was, whatever happens. script(1) makes the
# terminal; the bare guest is on the other side.
load helpers

setup() {
	export mayfly bare shown=$BATS_TEST_TMPDIR/typescript
	cooked='isig icanon iexten echo '
	raw='-isig -icanon -iexten -echo '
}

@test "Ctrl-A x ends the VM and the terminal is restored" {
	on_terminal '"$mayfly" run -k "$bare" -a test=sleep; echo "code $?"; stty -a' < <(type_after asleep '\001x')
	has "$output" "code 0"
	has "$output" "$cooked"
}

@test "Ctrl-A x ends a VM that takes no input, whatever was typed before" {
	on_terminal '"$mayfly" run -k "$bare" -a test=sleep; echo "code $?"' < <(
		type_after asleep 'lost keys'
		sleep 0.3
		printf '%0100d' 0
		sleep 0.3
		printf '\001x'
	)
	has "$output" "code 0"
}

@test "Ctrl-A h shows the help, Ctrl-A Ctrl-A is sent, other keys reach the guest" {
	on_terminal '"$mayfly" run -k "$bare" -a "test=echo greet=1"' < <(
		type_after listening '\001h'
		type_after 'ends the VM' 'abc\001\001.'
	)
	has "$output" "ends the VM"
	has "$output" "abc^A."
}

@test "the terminal is raw while the guest runs" {
	on_terminal '"$mayfly" run -k "$bare" -a test=sleep </dev/tty & until_shown asleep; stty -a; kill $!; wait' < <(
		until_true grep -q speed "$shown"
	)
	has "$output" "$raw"
}

@test "SIGTERM and SIGKILL leave the terminal as it was" {
	for signal in TERM KILL; do
		on_terminal "\"\$mayfly\" run -k \"\$bare\" -a test=sleep </dev/tty & until_shown asleep; kill -$signal \$!; wait \$!
			for i in \$(seq 100); do stty -a | grep -q ' icanon' && break; sleep 0.05; done; stty -a" < <(
			until_true grep -q speed "$shown"
		)
		has "$output" "$cooked"
	done
}

@test "with a command the terminal is left alone" {
	on_terminal '"$mayfly" run -k "$bare" -a test=sleep -v -- x </dev/tty & until_shown asleep; stty -a; kill $!; wait' < <(
		until_true grep -q speed "$shown"
	)
	has "$output" "$cooked"
}
