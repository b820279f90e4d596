#!/bin/sh
# check.sh ARCH [OTHER]: runs all tests and ends with "N passed, N failed, N skipped". `make check` built what they need.
# ARCH is this machine's architecture; OTHER is tested in its lab alone.
# Every suite speaks TAP; a suite that dies, or stops before its plan is fulfilled, is a failure by itself.
# Exit: 0 if nothing failed (and, with CI set, nothing was skipped).
set -u

# Under nohup, or in a background job, signals are ignored, which mayfly would respect.
[ -n "${MAYFLY_CHECK:-}" ] || exec env --default-signal MAYFLY_CHECK=1 "$0" "$@"

arch=${1:?usage: check.sh ARCH [OTHER]}
other=${2:-}
here=$(dirname "$0")
files=build/$arch
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
passed=0 failed=0 skipped=0

# suite NAME COMMAND...: runs one, shows what did not pass, counts.
suite() {
	suite=$1
	shift
	began=$(date +%s)
	"$@" >"$work/tap" 2>"$work/err"
	code=$?
	# bats writes "1..N" first, cmocka too; none at all means that the suite did not get that far.
	plan=$(sed -n 's/^1\.\.\([0-9]*\).*/\1/p' "$work/tap" | awk '{ n += $1 } END { print n + 0 }')
	sed -i 's/^not ok \([0-9]*\) # SKIP \(.*\)/ok \1 \2 # skip/' "$work/tap" # so cmocka tells of one
	skip=$(grep -c '^ok .*# skip' "$work/tap")
	ok=$(($(grep -c '^ok ' "$work/tap") - skip))
	bad=$(grep -c '^not ok ' "$work/tap")
	lost=$((plan - ok - bad - skip))
	[ "$lost" -gt 0 ] || lost=0
	if [ "$bad" = 0 ] && [ "$lost" = 0 ] && { [ "$code" != 0 ] || [ "$plan" = 0 ]; }; then lost=1; fi
	printf '%-28s %4d passed, %d failed, %d skipped  (%d s)\n' "$suite" "$ok" "$((bad + lost))" "$skip" \
		"$(($(date +%s) - began))"
	[ "$skip" = 0 ] || grep '^ok .*# skip' "$work/tap"
	if [ $((bad + lost)) -gt 0 ]; then
		awk '/^not ok /{ p = 1 } /^ok /{ p = 0 } p' "$work/tap"
		[ "$lost" = 0 ] || { printf '%s: exit code %d, %d of %d tests not reported\n' "$suite" "$code" "$lost" "$plan"
			tail -n 30 "$work/tap"; }
		tail -n 30 "$work/err"
	fi
	passed=$((passed + ok)) failed=$((failed + bad + lost)) skipped=$((skipped + skip))
}

# One TAP line for a COMMAND that speaks none.
as_tap() {
	name=$1
	shift
	echo 1..1
	if "$@" >"$work/out" 2>&1; then echo "ok 1 $name"; else
		echo "not ok 1 $name"
		sed 's/^/# /' "$work/out"
	fi
}

lint() { as_tap "$1" "$here/lint.sh" "$1"; }

unit() {
	for program in "$files/$1"/test_* "$files/$1"/*/test_*; do
		case $program in *.d | */'*/test_*') continue ;; esac # no program, none of an architecture's
		# A crash, or a leak told after the tests, has no line of its own.
		# The thread sanitizer wants its addresses where they always are.
		CMOCKA_MESSAGE_OUTPUT=TAP setarch -R "$program" >"$work/one"
		code=$?
		cat "$work/one"
		[ "$code" = 0 ] || grep -q '^not ok' "$work/one" || echo "not ok - ${program##*/}: exit code $code"
	done
}

# What earlier hunts found worth keeping: a line an input, in hexadecimal.
replay() {
	for inputs in "$here"/fuzz/corpus/*.hex; do
		name=${inputs##*/} name=${name%.hex}
		"$here/fuzz/corpus.sh" unpack "$inputs" "$work/$name"
		as_tap "$name, $(wc -l <"$inputs") inputs" "$files/fuzz/$name" "$work/$name"/*
	done
}

# A few seconds each, from what was kept on: long runs are for whoever hunts.
fuzz() {
	for program in "$files"/fuzz/fuzz_*; do
		case $program in *.d) continue ;; esac
		mkdir -p "$work/${program##*/}"
		as_tap "${program##*/}" "$program" -runs=20000 -max_total_time=20 -seed=1 -max_len=4096 \
			-print_final_stats=0 -verbosity=0 "$work/${program##*/}"
	done
}

on_host() { bats --tap "$@"; }

# On a network of its own.
alone() { if [ "$(id -u)" = 0 ]; then unshare -n "$@"; else unshare -rn "$@"; fi; }

# What is about the launcher's own walls.
filters='seccomp selftest tty'
walls='attack jail'
sandbox="$filters $walls"

# in_lab MACHINE TEST-FILE...: MACHINE is an architecture, "aarch64-gicv2" one with an older interrupt controller.
in_lab() {
	machine=$1 lab=${1%-gicv2}
	shift
	gic=3
	[ "$machine" = "$lab" ] || gic=2
	case $lab in aarch64) kernels=Image ;; *) kernels='vmlinux vmlinux-fast bzImage' ;; esac
	for file in mayfly mayfly-attack $kernels initramfs.cpio tools.cpio debian-vmlinuz guests; do
		set -- "$@" -f "build/$lab/$file:/t/$file"
	done
	tests=''
	while [ "$1" != -f ]; do
		tests="$tests /t/e2e/$1.bats"
		shift
	done
	# shellcheck disable=SC2086 # a list
	"$here/lab/lab.sh" -x -a "$lab" -g "$gic" -t 900 "$@" -f "$here/e2e:/t/e2e" -f README.md:/t/README.md \
		-- env E2E_FILES=/t bats --tap $tests
}

# lab MACHINE NAME TEST-FILE...: a suite that runs there. Its tests' names are kept.
lab() {
	machine=$1 name=$2
	shift 2
	suite "$name, $machine lab" in_lab "$machine" "$@"
	keep_names "$machine"
}

# What ran here and in the other architecture's labs differs by nothing but the tests in the directories of their names.
# (No interrupt controller has a part in $sandbox, which runs with one of them; docs.bats is about papers that are the same for both, rootdisk.bats about a recipe that runs none of our binaries and has
# tools to run that no lab has, pvm.bats about a kind of host that is x86-64's.)
same_tests() {
	names_in() { sed -n 's/^@test "\(.*\)" {$/\1/p' "$@"; }
	common() { sort -u "$work/names.$1" | grep -vxF -e "$(names_in "$here/e2e/${1%-gicv2}"/*.bats)" || :; }
	# shellcheck disable=SC2046,SC2086 # lists
	of_sandbox=$(names_in $(printf "$here/e2e/%s.bats " $sandbox))
	common "$arch" >"$work/common"
	common "$other" | diff "$work/common" - || return
	common "$other-gicv2" >"$work/older"
	grep -vxF -e "$of_sandbox" "$work/common" | diff - "$work/older"
}

keep_names() { sed -nE '/^ok .* # skip/d; s/^(not )?ok [0-9]+ (.*)/\2/p' "$work/tap" >>"$work/names.$1"; }

# host NAME TEST-FILE: the same for those that run here.
host() {
	suite "$1" on_host "$here/e2e/$2.bats"
	keep_names "$arch"
}

for check in $("$here/lint.sh" list); do suite "lint: $check" lint "$check"; done
suite "unit tests (ASan, UBSan)" unit unit-san
suite "unit tests (TSan)" unit unit-tsan
suite "unit tests (musl)" unit unit-musl
suite "fuzzers' corpus" replay
suite "fuzzers" fuzz
suite "documentation" on_host "$here/e2e/docs.bats"
suite "root disks" on_host "$here/e2e/rootdisk.bats"
host "command line" cli
host "command line, $arch" "$arch/cli"
host "doctor" doctor
host "kernels and configurations" check_kernel
host "packed programs" pack
[ "$arch" != x86_64 ] || suite "what benchmarks measure with" on_host "$here/e2e/x86_64/bench.bats"

unseen=''
if [ -r /dev/kvm ] && [ -w /dev/kvm ]; then
	host "bare guests" bare
	host "bare guests, $arch" "$arch/bare"
	host "limits and signals" limits
	host "virtio, bare" virtio
	host "the machine, fuzzed" machine_fuzz
	host "seccomp" seccomp
	host "selftest" selftest
	host "attacks" attack
	host "jail" jail
	host "terminal" tty
else
	echo "no /dev/kvm that may be used here: all that needs one runs in the lab"
	unseen="limits $sandbox"
fi

case $("$here/where.sh" "$arch") in
host)
	echo "Linux guests: on this machine's KVM"
	host "Linux guests" linux
	host "Linux guests, $arch" "$arch/linux"
	host "function runner" runner
	host "disks" disk
	suite "network" alone bats --tap "$here/e2e/net.bats"
	keep_names "$arch"
	;;
lab)
	[ ! -w /dev/kvm ] || suite "Linux on this KVM" on_host "$here/e2e/pvm.bats"
	echo "Linux guests: in the lab (this machine's KVM, if it has one, cannot run Linux)"
	# shellcheck disable=SC2086 # a list
	lab "$arch" "bare guests" bare virtio machine_fuzz "$arch/bare" $unseen
	lab "$arch" "Linux guests" linux "$arch/linux"
	lab "$arch" "function runner" runner
	lab "$arch" "disks" disk
	lab "$arch" "network" net
	;;
esac

# The other architecture: all of it, and what its machines of an older kind may do in another way.
if [ -n "$other" ]; then
	for machine in "$other" "$other-gicv2"; do
		lab "$machine" "command line" cli "$other/cli" doctor check_kernel pack
		lab "$machine" "bare guests" bare limits virtio machine_fuzz "$other/bare"
		if [ "$machine" = "$other" ]; then
			# shellcheck disable=SC2086 # a list
			lab "$machine" "filters" $filters
			# shellcheck disable=SC2086 # a list
			lab "$machine" "attacks and jail" $walls
		fi
		lab "$machine" "Linux guests" linux
		lab "$machine" "function runner" runner
		lab "$machine" "disks" disk
		lab "$machine" "network" net
	done
	suite "the same tests everywhere" as_tap "same tests" same_tests
fi

printf '\n%d passed, %d failed, %d skipped\n' "$passed" "$failed" "$skipped"
[ "$failed" = 0 ] && { [ -z "${CI:-}" ] || [ "$skipped" = 0 ]; }
