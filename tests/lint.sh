#!/bin/sh
# lint.sh [CHECK]: rules that a compiler does not know. Without CHECK, all of them; `lint.sh list` names them.
# Exit: 0 if the tree keeps the rules; else what breaks them is said.
set -u

cd "$(dirname "$0")/.." || exit 1
sources=$(find vmm boot devices rootfs -name '*.[ch]' | LC_ALL=C sort)

# Nothing below may print; whatever prints is a breach.
quiet() {
	found=$("$@")
	[ -z "$found" ] && return
	printf '%s\n' "$found"
	return 1
}

# Each room, and the rooms below it: what its files may include (docs: HACKING.md, "The house"). A file is a room of
# one.
rooms='
vmm/base:
boot/tables: vmm/base
boot/archive: vmm/base
boot/kernel: vmm/base boot/tables boot/archive
devices: vmm/base
vmm/cli: vmm/base
vmm/sandbox: vmm/base
vmm/loop: vmm/base devices vmm/sandbox
vmm/files: vmm/base boot/tables boot/archive boot/kernel
vmm/outbox: vmm/base boot/archive vmm/sandbox vmm/loop
vmm/machine: vmm/base boot/tables boot/archive boot/kernel devices vmm/sandbox vmm/files
vmm/machine/x86_64: vmm/base boot/tables boot/archive boot/kernel devices vmm/sandbox vmm/files vmm/machine
vmm/machine/aarch64: vmm/base boot/tables boot/archive boot/kernel devices vmm/sandbox vmm/files vmm/machine
vmm: vmm/base boot/tables boot/archive boot/kernel devices vmm/sandbox vmm/loop vmm/files vmm/outbox vmm/machine
vmm/commands: vmm/base boot/tables boot/archive boot/kernel devices vmm/cli vmm/sandbox vmm/loop vmm/files vmm/outbox vmm/machine vmm/machine/x86_64 vmm/machine/aarch64 vmm/vm_state.h vmm/roles.h
vmm/main.c: vmm/base vmm/cli vmm/files vmm/commands vmm
rootfs: vmm/base/bytes.h boot/archive devices/channel_wire.h
'

# FILE HEADER: every include of ours. arch_layout.h, of which each architecture has one, is part of machine/'s contract.
includes() {
	for file in $sources; do
		sed -n 's/^ *# *include *["<]\(.*\.h\)[">].*/\1/p' "$file" | while read -r header; do
			[ "$header" != arch_layout.h ] || header=machine/arch_layout.h
			folder=
			for root in vmm boot; do [ ! -e "$root/$header" ] || folder=$root/; done
			[ "$header" != machine/arch_layout.h ] || folder=vmm/
			[ -z "$folder" ] && [ ! -e "$header" ] || echo "$file $folder$header"
		done
	done
}

upward() {
	includes | awk -v rooms="$rooms" '
		function room(file) { sub(/\/[^\/]*$/, "", file); return file }
		BEGIN {
			lines = split(rooms, line, "\n")
			for (i = 1; i <= lines; i++) {
				words = split(line[i], word, "[: ]+")
				for (j = 1; j <= words; j++) may[word[1], word[j]]
			}
		}
		{
			mine = ($1, $1) in may ? $1 : room($1)
			if (!((mine, room($2)) in may) && !((mine, $2) in may)) print $1 " includes " $2 ", which is no room below"
		}'
}

# A file is its .c and its .h.
circles() {
	includes | sed 's,\.[ch]\b,,g; s,machine/\(x86_64\|aarch64\)/arch_layout,machine/arch_layout,g' | awk '$1 != $2' | tsort 2>&1 >/dev/null |
		sed 's/^tsort: -: input contains a loop:/these need each other:/; s/^tsort: /    /'
}

# boot/ and devices/ are pure: no KVM, no stdio, no heap, no way out.
layers() {
	quiet upward || return
	quiet circles || return
	quiet grep -nE '#include <(linux/kvm|stdio|stdlib)\.h>' boot/*/*.[ch] devices/*.[ch] || return
	quiet grep -nE '\b(malloc|calloc|realloc|free|exit|_exit|abort|die)\(' boot/*/*.c devices/*.c || return
	# Host addresses of guest memory stay in ram.c.
	# shellcheck disable=SC2046,SC2086 # a list
	quiet grep -nE '(->|\.)host\b' $(printf '%s\n' $sources | grep -v 'vmm/base/ram\.c')
}

# No #ifdef chooses an architecture: the Makefile does.
arches() {
	# shellcheck disable=SC2046,SC2086 # lists
	quiet grep -nE '#.*(__x86_64|__aarch64|__amd64|__arm|__i386)' $sources $(find tests/unit -name '*.[ch]') tests/guests/*.[chS]
}

# Files whose text is a part of the cache's keys: a line that is broken would build all of it anew.
keyed='images/kernel.sh images/apt.sh tests/images/debian-kernel.sh tests/images/tools.sh tests/images/iperf3.c'

# unkeyed FILE...: those of them that are no such files.
unkeyed() { for file in "$@"; do case " $keyed " in *" $file "*) ;; *) echo "$file" ;; esac done; }

# wide FILE...: lines of more than 100 columns in C, a tab reaching to the next eighth; of more than 120 in prose, which
# is Markdown and what other files have behind #. No line is broken within a string, which can be searched for, nor in
# a table, an example or an address.
# shellcheck disable=SC2016 # perl's
wide() {
	perl -CSD -ne '
		chomp;
		1 while s/\t/" " x (8 - $-[0] % 8)/e;
		my ($most, $line) = (120, $_);
		if ($ARGV =~ /\.[ch]$/) {
			$most = 100;
			$line =~ s/"(\\.|[^"\\])*"/""/g;
		} elsif ($ARGV =~ /\.md$/) {
			$example = !$example if /^```/;
			$line = "" if $example || /^(\||    )/;
		} else {
			$line = "" unless /^ *#/;
		}
		print "$ARGV:$.: ", length $line, " columns, more than $most\n" if length $line > $most && $line !~ m{https?://};
		if (eof) { close ARGV; $example = 0 }' "$@"
}

# Of the product: functions of at most 60 lines, files of at most 350. Of tests: files of at most 600. No wide lines.
# shellcheck disable=SC2046,SC2086 # lists
sizes() {
	kept=yes
	quiet awk 'FNR == 1 { begin = 0 }
		/^{/ { begin = FNR }
		/^}/ { if (begin && FNR - begin > 60) print FILENAME ":" begin ": a function of " FNR - begin " lines"; begin = 0 }
		FNR == 351 { print FILENAME ": more than 350 lines" }' $sources || kept=
	quiet awk 'FNR == 601 { print FILENAME ": more than 600 lines" }' \
		$(find tests/unit tests/fuzz tests/guests tests/e2e tests/attack -name '*.[chS]' -o -name '*.bats' -o -name '*.*sh') || kept=
	quiet wide $(unkeyed $sources $(find images tests -name '*.[ch]' | sort) README.md HACKING.md docs/*.md docs/mayfly.bash \
		Makefile .ci/run $(find images rootfs tests -name '*.*sh' -o -name '*.bats' -o -name '*.mk' -o -name '*.pl' | sort)) ||
		kept=
	[ -n "$kept" ]
}

# odd_subjects COMMITS: those that are not "area: text", or have more than 72 characters (and a newline).
# shellcheck disable=SC2016 # perl's
odd_subjects() {
	git log --no-merges --format=%s "$1" -- |
		perl -CSD -ne 'print if !m{^[\w./-]+(, [\w./-]+)*: \S} || length > 73'
}

# Of the branch's own commits; of the last 30 in a clone that does not tell which these are. Nothing without git.
subjects() {
	{ [ -e .git ] && git rev-parse -q --verify HEAD >/dev/null 2>&1; } || return 0
	own=-30
	! git rev-parse -q --verify refs/remotes/origin/main >/dev/null || own=refs/remotes/origin/main..HEAD
	quiet odd_subjects "$own"
}

# What is said in WORDS: prose, and of C its comments and strings.
# shellcheck disable=SC2016,SC2046 # perl's; lists
words() {
	banned=$(grep -vE '^(#|$)' tests/words | paste -sd '|')
	quiet env BANNED="$banned" perl -CSD -0777 -ne '
		s{(//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*")|(\x27(?:\\.|[^\x27\\\n])\x27)|([^\n])}{$1 // " "}gse if $ARGV =~ /\.[chS]$/;
		my $n = 0;
		for (split /\n/) { $n++; s/^\s+//; print "$ARGV:$n: $_\n" if /\b(?:$ENV{BANNED})\b/i }' \
		README.md HACKING.md docs/*.md docs/mayfly.1 Makefile $(find vmm boot devices rootfs images tests -name '*.[chS]' \
		-o -name '*.*sh' -o -name '*.bats' -o -name '*.mk' -o -name '*.pl' -o -name '*.config' -o -name '*.acsl' | sort)
}

# shellcheck disable=SC2086
format() { clang-format --dry-run -Werror $sources; }
shell() { shellcheck -x images/*.sh tests/images/*.sh rootfs/*.sh tests/*.sh tests/fuzz/*.sh tests/lab/*.sh tests/attack/*.sh tests/e2e/*.sh tests/proof/*.sh tests/bench/*.sh tests/bench/*.bash .ci/run && shellcheck -s bash docs/mayfly.bash; }
harness() { perl -wc tests/check.pl; }
manual() { mandoc -Tlint -Wwarning docs/mayfly.1; }

# shellcheck disable=SC2046,SC2086 # a list
static() {
	for arch in x86_64 aarch64; do
		case $arch in x86_64) other=aarch64 ;; *) other=x86_64 ;; esac
		cppcheck --quiet --error-exitcode=1 --std=c11 --enable=warning,portability --inline-suppr \
			--suppress=missingInclude --suppress=ctuuninitvar --suppress=unmatchedSuppression \
			--suppress=normalCheckLevelMaxBranches -DMAYFLY_VERSION='""' \
			-Ivmm -I. -Iboot "-Ivmm/machine/$arch" boot devices rootfs $(find vmm -name '*.c' | grep -v "$other") || return
	done
}

checks='layers arches sizes words subjects format shell harness manual static'
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
