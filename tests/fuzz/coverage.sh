#!/bin/sh
# coverage.sh ARCH [-c DIR] [FILE...]: what the fuzzers' kept inputs reach of boot/ and devices/, a line a file; or the
# lines of each FILE that they do not reach. `make fuzz-coverage` built what it needs. Instead of what was kept, -c
# takes inputs from the directories in DIR, each with a fuzzer's name: those of a hunt.
set -eu

arch=${1:?usage: coverage.sh ARCH [-c DIR] [FILE...]}
shift
here=$(dirname "$0")
files=build/$arch/fuzz-coverage
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
corpus=$work/corpus

if [ "${1:-}" = -c ]; then
	corpus=$2
	shift 2
else
	for inputs in "$here"/corpus/*.hex; do
		name=${inputs##*/}
		"$here/corpus.sh" unpack "$inputs" "$corpus/${name%.hex}"
	done
fi

# Every fuzzer, so that a file that none of them calls is counted as well.
objects=''
for program in "$files"/fuzz_*; do
	name=${program##*/}
	case $name in *.d) continue ;; esac
	objects="$objects -object $program"
	mkdir -p "$work/$name"
	[ -d "$corpus/$name" ] || { echo "$name has no inputs" >&2 && continue; }
	LLVM_PROFILE_FILE=$work/$name.profraw "$program" -runs=0 -verbosity=0 "$corpus/$name" >"$work/log" 2>&1 ||
		{ cat "$work/log" >&2 && exit 1; }
done
llvm-profdata merge -o "$work/profile" "$work"/*.profraw
# shellcheck disable=SC2086 # a list
llvm-cov export -format=lcov -instr-profile "$work/profile" $objects >"$work/lcov" 2>"$work/log" ||
	{ cat "$work/log" >&2 && exit 1; }

# Lines of lcov: SF:FILE, then DA:LINE,COUNT of each line that has code.
if [ $# -gt 0 ]; then
	for file; do
		awk -F '[:,]' -v file="/$file" '/^SF:/ { ours = substr($2, length($2) - length(file) + 1) == file }
			ours && /^DA:/ && !$3 { print $2 }' "$work/lcov" >"$work/lines"
		awk -v file="$file" 'NR == FNR { missed[$1]; next } FNR in missed { printf "%s:%d:%s\n", file, FNR, $0 }' \
			"$work/lines" "$file"
	done
	exit
fi
awk -F '[:,]' -v root="$PWD/" '
	function row(name, all, hit) {
		return sprintf("%-28s %5d of %5d lines  %5.1f %%", name, hit, all, 100 * hit / all)
	}
	/^SF:/ { file = substr($2, length(root) + 1); split(file, part, "/"); ours = part[1] ~ /^(boot|devices)$/ }
	ours && /^DA:/ { all[file]++; alls[part[1]]++; if ($3) { hit[file]++; hits[part[1]]++ } }
	END {
		for (file in all) print row(file, all[file], hit[file]) | "sort"
		close("sort")
		for (room in alls) print row(room "/", alls[room], hits[room]) | "sort"
	}' "$work/lcov"
