# The console on a terminal: raw mode, escapes, and the terminal as it was, whatever happens. script(1) makes the
# terminal; the bare guest is on the other side.
load helpers

@test "Ctrl-A x ends the VM and the terminal is restored" {
	run bash -c "(sleep 1; printf '\\001x') | timeout 30 script -qefc \"$mayfly run -k $bare -a test=sleep; echo code \\\$?; stty -a\" /dev/null"
	has "$output" "asleep"
	has "$output" "code 0"
	has "$output" "isig icanon iexten echo "
}

@test "Ctrl-A h shows the help, Ctrl-A Ctrl-A is sent, other keys reach the guest" {
	run bash -c "(sleep 1; printf '\\001h'; sleep 0.2; printf 'abc\\001\\001'; sleep 0.2; printf .) |
		timeout 30 script -qefc \"$mayfly run -k $bare -a test=echo\" /dev/null | cat -v"
	has "$output" "ends the VM"
	has "$output" "abc^A."
}

@test "the terminal is raw while the guest runs" {
	run bash -c "sleep 2 | timeout 30 script -qefc \"$mayfly run -k $bare -a test=sleep </dev/tty & sleep 0.7; stty -a; kill \\\$!; wait\" /dev/null"
	has "$output" "-isig -icanon -iexten -echo "
}

@test "SIGTERM and SIGKILL leave the terminal as it was" {
	for signal in TERM KILL; do
		run bash -c "sleep 3 | timeout 30 script -qefc \"$mayfly run -k $bare -a test=sleep </dev/tty & sleep 0.5; kill -$signal \\\$!; wait \\\$!; sleep 0.5; stty -a\" /dev/null"
		has "$output" "asleep"
		has "$output" "isig icanon iexten echo "
	done
}

@test "with a command the terminal is left alone" {
	run bash -c "sleep 3 | timeout 30 script -qefc \"$mayfly run -k $bare -a test=sleep -v -- x </dev/tty & sleep 0.5; stty -a; kill \\\$!; wait\" /dev/null"
	has "$output" "isig icanon iexten echo "
}
