#!/bin/sh
# lint.sh [CHECK]: rules that a compiler does not know. Without CHECK, all of them; `lint.sh list` names them.
# Exit: 0 if the tree keeps the rules; else what breaks them is said.
set -u

cd "$(dirname "$0")/.." || exit 1
sources='vmm/*.c vmm/*.h vmm/x86_64/*.c vmm/x86_64/*.h vmm/aarch64/*.c vmm/aarch64/*.h boot/*.c boot/*.h devices/*.c devices/*.h rootfs/*.c rootfs/*.h'

# Nothing below may print; whatever prints is a breach.
quiet() {
	found=$("$@")
	[ -z "$found" ] && return
	printf '%s\n' "$found"
	return 1
}

# The headers that FILES include between quotes and that are neither in their own directory DIR nor named.
foreign() {
	dir=$1
	shift
	for file in "$dir"/*.[ch]; do
		sed -n 's/^#include "\(.*\)".*/\1/p' "$file" | while read -r header; do
			[ -e "$dir/$header" ] && continue
			case " $* " in *" $header "*) ;; *) echo "$file includes $header" ;; esac
		done
	done
}

# boot/ and devices/ are pure: DESIGN §2. They know three headers of vmm/ (and devices/ one of boot/), no KVM, no stdio, no heap, no way out.
layers() {
	quiet foreign boot ram.h report.h sysfilter.h || return
	quiet foreign devices ram.h report.h sysfilter.h bytes.h || return
	quiet grep -nE '#include <(linux/kvm|stdio|stdlib)\.h>' boot/*.[ch] devices/*.[ch] || return
	quiet grep -nE '\b(malloc|calloc|realloc|free|exit|_exit|abort|die)\(' boot/*.c devices/*.c || return
	quiet grep -nE '#include "(vm|vcpu|ioloop|console|lockdown|options|arch)\.h"' vmm/bus.* vmm/ram.* vmm/report.* \
		vmm/sysfilter.* vmm/kvm.* vmm/stream.* vmm/ending.* || return
	# Host addresses of guest memory stay in ram.c.
	quiet grep -nE '(->|\.)host\b' vmm/[!r]*.c vmm/x86_64/*.c vmm/aarch64/*.c boot/*.c devices/*.c
}

# No #ifdef chooses an architecture: the Makefile does.
arches() {
	quiet grep -nE '#.*(__x86_64|__aarch64|__amd64|__arm|__i386)' vmm/*.[ch] vmm/*/*.[ch] boot/*.[ch] devices/*.[ch] rootfs/*.[ch] \
		tests/unit/*.[ch] tests/guests/*.[chS]
}

# Functions of at most 60 lines, files of at most 350 (tests may be longer).
sizes() {
	# shellcheck disable=SC2086
	quiet awk 'FNR == 1 { begin = 0 }
		/^{/ { begin = FNR }
		/^}/ { if (begin && FNR - begin > 60) print FILENAME ":" begin ": a function of " FNR - begin " lines"; begin = 0 }
		FNR == 351 { print FILENAME ": more than 350 lines" }' $sources
}

# shellcheck disable=SC2086
format() { clang-format --dry-run -Werror $sources; }
shell() { shellcheck -x images/*.sh tests/images/*.sh rootfs/*.sh tests/*.sh tests/fuzz/*.sh tests/lab/*.sh tests/attack/*.sh tests/e2e/*.sh tests/proof/*.sh tests/bench/*.sh tests/bench/*.bash .ci/run && shellcheck -s bash docs/mayfly.bash; }
harness() { perl -wc tests/check.pl; }
manual() { mandoc -Tlint -Wwarning docs/mayfly.1; }

static() {
	for arch in x86_64 aarch64; do
		cppcheck --quiet --error-exitcode=1 --std=c11 --enable=warning,portability --inline-suppr \
			--suppress=missingInclude --suppress=ctuuninitvar --suppress=unmatchedSuppression \
			--suppress=normalCheckLevelMaxBranches -DMAYFLY_VERSION='""' \
			-Ivmm "-Ivmm/$arch" -Iboot -Idevices -Irootfs vmm/*.c "vmm/$arch" boot devices rootfs || return
	done
}

checks='layers arches sizes format shell harness manual static'
case ${1:-all} in
list) echo "$checks" ;;
all)
	code=0
	for check in $checks; do
		"$check" || { echo "lint: $check failed" >&2; code=1; }
	done
	exit $code
	;;
*) "$1" ;;
esac
