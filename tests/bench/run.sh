#!/usr/bin/env bash
# run.sh [SECTION...]: runs the benchmarks (all, or those named: start sweep crowd boot io console), prints their tables
# and puts figures and plots into the bench directory: bench.json, *.svg. Sections that are not run keep their last
# figures.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=host.bash
. "$(dirname "$0")/host.bash"

[ "$arch" = x86_64 ] || fail 'the floor program, and what it is compared with, are for x86-64'
{ [ -r /dev/kvm ] && [ -w /dev/kvm ]; } || fail 'no /dev/kvm that this user may use'
[ $# -gt 0 ] || set -- start sweep crowd boot io console

for section; do
	"tests/bench/$section.sh" "$bench/$section.json.new"
	mv "$bench/$section.json.new" "$bench/$section.json"
done

merge() {
	local files=()

	for section in start sweep crowd boot io console; do [ ! -f "$bench/$section.json" ] || files+=("$bench/$section.json"); done
	jq -n --arg date "$(date -u +%Y-%m-%dT%H:%MZ)" --arg commit "$(git describe --always --dirty 2>/dev/null || echo unknown)" \
		--arg host "$(uname -sr), $(nproc) CPUs, $(sed -n 's/^model name\s*: //p' /proc/cpuinfo | head -n 1)" \
		--argjson binary "$(stat -c %s "$build/mayfly")" \
		'reduce (inputs | {key: (input_filename | sub(".*/"; "") | rtrimstr(".json")), value: .}) as $section
			({date: $date, commit: $commit, host: $host, binary_bytes: $binary}; . + {($section.key): $section.value})' \
		"${files[@]}"
}

merge >"$bench/bench.json"
tests/bench/tables.sh "$bench/bench.json"
tests/bench/plot.sh "$bench/bench.json"
