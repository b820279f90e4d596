#!/bin/sh
# suites.sh: the suites of tests, and how each runs.
#
#   suites.sh list ARCH LEVEL [OTHER]     prints their names, one a line. LEVEL is `check` (what tells on this machine
#                                         whether the tree is sound) or `all` (the architecture OTHER in its labs, too,
#                                         and the hunts)
#   suites.sh targets ARCH LEVEL [OTHER]  prints the make targets that they need
#   suites.sh run ARCH NAME               runs one: TAP on standard output, what else is said on standard error
#   suites.sh own ARCH                    prints the end-to-end tests that ARCH alone has
#   suites.sh tagged ARCH TAG             prints those of ARCH above which `# bats test_tags=TAG` stands
#
# With SUITE set, `list` and `targets` know only the suites of these names: `disk` is disk everywhere, `disk@aarch64` is
# one of them. Exit: 2 for a name that is none.
# A NAME is SUITE, which runs here, or SUITE@MACHINE, which runs in a lab: MACHINE is an architecture, or
# `aarch64-gicv2`, an arm64 machine with an older interrupt controller. A SUITE that has no function below is
# tests/e2e/SUITE.bats, and tests/e2e/ARCH/SUITE.bats where there is one. `make check` built what the suites need. With
# TESTS set, a regular expression, a bats suite runs only the tests whose names match.
# shellcheck disable=SC2317 # functions that are called by name look unreachable
set -u

here=$(dirname "$0")
command=${1:?usage: suites.sh list ARCH LEVEL [OTHER] | targets ARCH LEVEL [OTHER] | run ARCH NAME | own ARCH | tagged ARCH TAG}
arch=${2:?suites.sh: which architecture?}
files=build/$arch

# What needs neither KVM nor a lab; what needs a KVM of any kind; what needs one that runs unmodified kernels.
plain='lint unit_san unit_tsan unit_musl corpus docs recipes harness rootdisk cli doctor check_kernel pack'
bare='bare limits virtio machine_fuzz seccomp selftest attack jail tty'
linux='linux runner disk net'

# In a lab of this machine's own architecture, where this machine's KVM is another one: what the kind of KVM may change.
other_kvm='bare virtio machine_fuzz'
# In the labs of another architecture. (rootdisk is a recipe that runs none of our binaries and needs tools that no lab
# has; docs, recipes and harness are the same everywhere.)
elsewhere="cli doctor check_kernel pack $bare $linux"

usable_kvm() { [ -r /dev/kvm ] && [ -w /dev/kvm ]; }

# at MACHINE SUITE...
at() {
	machine=$1
	shift
	printf "%s@$machine\n" "$@"
}

# The kernel for functions is built for `all` alone.
of_functions() { [ "$arch:$level" != x86_64:all ] || echo fast; }

# The longest first, as far as that is known: nobody waits at the end for one that began late.
# shellcheck disable=SC2046,SC2086 # lists
all_suites() {
	other=${1:-}
	where=$("$here/where.sh" "$arch") || exit
	if [ "$level" = all ] && [ -n "$other" ]; then
		at "$other" $elsewhere
		at "$other-gicv2" irqchip
	fi
	linux="$linux $(of_functions)"
	if [ "$where" = lab ]; then at "$arch" $linux; else printf '%s\n' $linux; fi
	if ! usable_kvm; then
		at "$arch" $bare
	else
		[ "$where:$level" != lab:all ] || at "$arch" $other_kvm
		printf '%s\n' $bare
		[ "$where" = host ] || echo pvm
	fi
	printf '%s\n' $plain
	[ "$arch" != x86_64 ] || echo bench
	if [ "$level" = all ]; then echo hunt; else echo fuzz; fi
}

# Those of all suites that SUITE names, with blanks or commas between.
# shellcheck disable=SC2086 # lists
list() {
	all=$(all_suites "$@") || exit
	names=''
	for asked in $(printf '%s' "${SUITE:-}" | tr , ' '); do
		found=$(printf '%s\n' $all | grep -e "^$asked\$" -e "^$asked@") || {
			echo "make: no suite $asked here (there are:" $all\) >&2
			exit 2
		}
		names="$names $found"
	done
	printf '%s\n' ${names:-$all} | awk '!seen[$0]++'
}

targets() {
	everything="check-build $([ "$level" = check ] || echo check-files-other) $([ -z "$(of_functions)" ] || echo kernel-fast)"
	names=$(list "$@") || exit
	for suite in $names; do
		case $suite in
		lint | recipes | harness) ;;
		unit_* | corpus | fuzz | hunt) echo check-unit ;;
		*) echo "$everything" ;;
		esac
	done | tr -s ' ' '\n' | sort -u
}

# --- TAP ---

# One TAP line for a COMMAND that speaks none.
as_tap() {
	name=$1 began=$(date +%s%3N)
	shift
	if "$@" >"$work/out" 2>&1; then verdict='ok' ; else verdict='not ok'; fi
	printf '1..1\n%s 1 %s in %dms\n' "$verdict" "$name" $(($(date +%s%3N) - began))
	[ "$verdict" = ok ] || sed 's/^/# /' "$work/out"
}

# Several TAP streams in a row become one. cmocka's word for a skipped test is another than TAP's. The last line is
# $all_said, unless what printed the streams was killed: a pipe does not tell.
all_said='# all said'
one_tap() {
	awk -v all_said="$all_said" '
		$0 == all_said { whole = 1; next }
		/^1\.\.[0-9]+/ { sub(/^1\.\./, ""); plan += $1; next }
		/^(not )?ok / {
			test = /^not/ ? "not ok" : "ok"
			sub(/^(not )?ok +([0-9]+ +)?(- +)?/, "")
			if (sub(/^# SKIP /, "")) { test = "ok"; $0 = $0 " # skip" }
			print test, ++n, $0
			fflush()
			next
		}
		{ print }
		END {
			if (!whole) { print "not ok", ++n, "the suite broke off"; plan++ }
			print "1.." plan + 0
		}'
}

# --- the suites that are not bats: each prints TAP streams ---

lint() { for check in $("$here/lint.sh" list); do as_tap "lint: $check" "$here/lint.sh" "$check"; done; }

# A crash, or a leak told after the tests, has no line of its own. Neither has a program that ends before its plan.
# The thread sanitizer wants its addresses where they always are.
unit() {
	for source in $(find "$here/unit" -name 'test_*.c' | sort); do
		program=${source#"$here/unit/"} program=$files/$1/${program%.c}
		[ -e "$program" ] || continue # none of this kind
		CMOCKA_MESSAGE_OUTPUT=TAP setarch -R "$program" >"$work/one"
		code=$?
		cat "$work/one"
		! grep -q '^not ok' "$work/one" || continue
		[ "$code" = 0 ] && grep -q '^1\.\.[1-9]' "$work/one" || printf '1..1\nnot ok 1 %s: exit code %d\n' "${program##*/}" "$code"
	done
}

unit_san() { unit unit-san; }
unit_tsan() { unit unit-tsan; }
unit_musl() { unit unit-musl; }

# unpacked NAME: makes files in $work/NAME of the fuzzer's kept inputs. Fewer of them would not be noticed.
unpacked() {
	"$here/fuzz/corpus.sh" unpack "$here/fuzz/corpus/$1.hex" "$work/$1" && return
	printf '1..1\nnot ok 1 %s: cannot unpack its inputs\n' "$1"
	return 1
}

# What earlier hunts found worth keeping: a line an input, in hexadecimal.
corpus() {
	for inputs in "$here"/fuzz/corpus/*.hex; do
		name=${inputs##*/} name=${name%.hex}
		unpacked "$name" || continue
		as_tap "$name, $(wc -l <"$inputs") inputs" "$files/fuzz/$name" "$work/$name"/*
	done
}

# fuzz_for RUNS SECONDS: each fuzzer, from what was kept on, until the first of the two is over.
fuzz_for() {
	for program in "$files"/fuzz/fuzz_*; do
		case $program in *.d) continue ;; esac
		name=${program##*/}
		mkdir -p "$work/$name"
		[ ! -e "$here/fuzz/corpus/$name.hex" ] || unpacked "$name" || continue
		as_tap "$name" "$program" "-runs=$1" -max_total_time="$2" -seed=1 -max_len=4096 -print_final_stats=0 -verbosity=0 \
			"$work/$name"
	done
}

fuzz() { fuzz_for 2000 2; }
hunt() { fuzz_for 20000 20; }

# --- bats ---

# ARCH's file of the suite, too, where it has one.
bats_files() {
	for file in "$2.bats" "$1/$2.bats"; do
		[ ! -e "$here/e2e/$file" ] || printf '%s ' "$3/$file"
	done
}

# names TAG FILE...: the tests in the files, with the tag if it is not empty. (Older bats do not know the word.)
names() {
	tag=$1
	shift
	awk -v tag="$tag" '
		/^@test ".*" \{$/ && (tag == "" || last == "# bats test_tags=" tag) { print substr($0, 8, length($0) - 10) }
		{ last = $0 }' "$@"
}

own() { names '' "$here/e2e/$1"/*.bats; }
tagged() { names "$2" "$here"/e2e/*.bats "$here/e2e/$1"/*.bats; }

# On a network of its own.
alone() { if [ "$(id -u)" = 0 ]; then unshare -n "$@"; else unshare -rn "$@"; fi; }

on_host() {
	# shellcheck disable=SC2046 # a list
	$1 bats --tap --timing ${TESTS:+-f "$TESTS"} $(bats_files "$arch" "$2" "$here/e2e")
}

# in_lab MACHINE SUITE...
in_lab() {
	machine=$1 lab=${1%-gicv2} gic=3
	shift
	[ "$machine" = "$lab" ] || gic=2
	tests=$(for suite in "$@"; do bats_files "$lab" "$suite" /t/e2e; done)
	set --
	for file in mayfly mayfly-attack Image vmlinux vmlinux-fast bzImage initramfs.cpio tools.cpio debian-vmlinuz guests; do
		[ ! -e "build/$lab/$file" ] || set -- "$@" -f "build/$lab/$file:/t/$file"
	done
	# shellcheck disable=SC2086 # a list
	"$here/lab/lab.sh" -x -a "$lab" -g "$gic" -t 1200 "$@" -f "$here/e2e:/t/e2e" -f README.md:/t/README.md \
		-- env E2E_FILES=/t bats --tap --timing ${TESTS:+-f "$TESTS"} $tests
}

# any_of: a regular expression for the lines of standard input.
any_of() { sed 's/[][{}()*+?.^$|\\]/\\&/g' | paste -sd '|' | sed 's/.*/^(&)$/'; }

# What another interrupt controller can change, whatever the suite.
# shellcheck disable=SC2086 # a list
irqchip() {
	TESTS=${TESTS:-$(tagged "${1%-*}" irqchip | any_of)}
	in_lab "$1" $elsewhere
}

run() {
	case $1 in
	irqchip@*) irqchip "${1#*@}" ;;
	*@*) in_lab "${1#*@}" "${1%@*}" ;;
	net) on_host alone net ;;
	lint | unit_san | unit_tsan | unit_musl | corpus | fuzz | hunt) { "$1" && echo "$all_said"; } | one_tap ;;
	*) on_host '' "$1" ;;
	esac
}

case $command in
list | targets)
	level=${3:?suites.sh: which level?}
	shift 3
	"$command" "$@"
	;;
own | tagged) "$command" "$arch" "${3:-}" ;;
run)
	# Under nohup, or in a background job, signals are ignored, which mayfly would respect.
	[ -n "${MAYFLY_SUITE:-}" ] || exec env --default-signal MAYFLY_SUITE=1 "$0" "$@"
	work=$(mktemp -d) || exit
	said=build/check/$3
	trap 'rm -rf "$work"' EXIT
	trap 'exit 143' INT TERM HUP # a signal alone would not run the line above
	mkdir -p build/check
	# Into a file, so that nothing that is left running keeps the reader waiting. Not in the background, where a
	# shell ignores SIGINT.
	run "$3" >"$said.tap" 2>"$said.err" </dev/null
	code=$?
	cat "$said.tap"
	exit "$code"
	;;
*) echo "suites.sh: no command $command" >&2 && exit 2 ;;
esac
