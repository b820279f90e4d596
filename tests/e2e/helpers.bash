# What every end-to-end test needs. The files under test are in $E2E_FILES (default: the build directory).
bats_require_minimum_version 1.5.0

here=$(dirname "${BASH_SOURCE[0]}")
files=${E2E_FILES:-$here/../../build/$(uname -m)}
mayfly=$files/mayfly
initrd=$files/initramfs.cpio
debian=$files/debian-vmlinuz
tools=$files/tools.cpio
# kernel: ours; bare: the bare guest; resets: how that can ask for one; and what else differs.
# shellcheck source=/dev/null
. "$here/$(uname -m)/machine.bash"

# guest TEST [OPTION...]: a plain boot of the bare guest, standard streams apart, no terminal.
guest() {
	local name=$1
	shift
	run --separate-stderr timeout 120 "$mayfly" run -k "${guest_kernel:-$bare}" -a "test=$name" "$@" </dev/null
}

# job TEST [OPTION...]: the same with a command, so that the channel is there.
job() { guest "$@" -- workload; }

# linux [OPTION...] -- COMMAND...: a command in our Linux.
linux() {
	run --separate-stderr timeout 120 "$mayfly" run -k "${linux_kernel:-$kernel}" -i "$initrd" "$@" </dev/null
}

# is EXPECTED ACTUAL
is() {
	[ "$1" = "$2" ] && return
	printf 'expected: %s\ngot:      %s\n' "$1" "$2" >&2
	return 1
}

# has TEXT PART
has() {
	case $1 in *"$2"*) return ;; esac
	printf 'expected a part: %s\nin:              %s\n' "$2" "$1" >&2
	return 1
}

# ended CODE: the last run's exit code.
ended() {
	is "$1" "$status" || {
		printf 'stdout: %s\nstderr: %s\n' "$output" "$stderr" >&2
		return 1
	}
}

# failed CODE TEXT...: exit code CODE, and one line on stderr, by mayfly, with each TEXT and a fix in brackets.
failed() {
	ended "$1"
	shift
	is 1 "$(printf '%s\n' "$stderr" | wc -l)"
	is "mayfly: " "${stderr:0:8}"
	is ")" "${stderr: -1}"
	has "$stderr" "("
	for text in "$@"; do has "$stderr" "$text"; done
}

# start TEST [OPTION...]: the bare guest in the background; $pid. Its output goes to $BATS_TEST_TMPDIR/out.
start() {
	local name=$1
	shift
	"$mayfly" run -k "$bare" -a "test=$name" "$@" </dev/null >"$BATS_TEST_TMPDIR/out" 2>&1 3>&- &
	pid=$!
}

# begins_within: in $limit, after how many seconds a Linux guest has begun to work, however slow the machine is.
begins_within() {
	local began=$SECONDS
	linux -- true
	export limit=$((2 * (SECONDS - began) + 3))
}

# netns COMMAND...: alone on a network where it may do what it wants.
netns() {
	if [ "$(id -u)" = 0 ]; then unshare -n "$@"; else unshare -rn "$@"; fi
}

# until_true COMMAND...: waits up to 20 seconds for it.
until_true() {
	local i
	for i in $(seq 400); do
		"$@" && return
		sleep 0.05
	done
	echo "never true: $*" >&2
	return 1
}

# said TEXT: it stands in the output of what was started.
said() { grep -q "$1" "$BATS_TEST_TMPDIR/out"; }

# traces WORD: what could be left of runs of mayfly that have WORD on their command lines: processes, files where
# temporary ones go, descriptors of this shell. Nothing of the whole machine counts, because other suites run beside
# this one.
traces() {
	pgrep -f "$1" || :
	ls -A "$TMPDIR"
	find "/proc/$$/fd" -mindepth 1 | wc -l
}

# code PID: waits for it; its exit code in $code.
code() {
	code=0
	wait "$1" || code=$?
}

# on_terminal COMMANDS: bash runs them on a terminal, made by script(1), which shows what stands in $shown (export it).
# Standard input is typed. COMMANDS may use `until_shown TEXT`; a background job gets the terminal as stdin only if told
# so.
on_terminal() {
	{
		echo 'until_shown() { until grep -q "$1" "$shown"; do sleep 0.05; done; }'
		echo "$1"
	} >"$BATS_TEST_TMPDIR/commands"
	: >"$shown"
	timeout 120 script -qefc "bash $BATS_TEST_TMPDIR/commands" "$shown" >/dev/null
	output=$(cat -v "$shown")
}

# type_after TEXT KEYS: types when the terminal shows TEXT, and stays for that as long as the terminal may live. (For
# ever, it would keep bats from its end.)
type_after() {
	local last=$((SECONDS + 120))
	until grep -q "$1" "$shown" 2>/dev/null || [ "$SECONDS" -gt "$last" ]; do sleep 0.05; done
	printf "$2"
}
