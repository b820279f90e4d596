#!/usr/bin/env bash
# tables.sh BENCH.json: prints what was measured, and how far that is from what is to be reached.
# shellcheck disable=SC2016 # the variables are jq's
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=host.bash
. "$(dirname "$0")/host.bash"

# table TITLE FILTER: the rows that the jq FILTER makes, the first of them the heads; nothing if the section was not
# run.
table() {
	local rows

	rows=$(jq -r "def ms: . / 10 | round / 100; def round1: . * 10 | round / 10; $2 | @tsv" "$file" 2>/dev/null) || return 0
	printf '\n%s\n\n' "$1"
	column -t -s "$(printf '\t')" <<<"$rows"
}

file=$1
jq -r '"\(.date): commit \(.commit) on \(.host)"' "$file"

table 'Start of a bare guest, 128 MiB, 1 CPU: milliseconds from exec (median, 99th percentile)' '
	["", "first byte", "p99", "exit", "p99", "CPU to first byte", "CPU", "peak KiB"],
	(.start | to_entries[] | select(.key != "ratios")
		| [.key, (.value | .first_us.median, .first_us.p99, .exit_us.median, .exit_us.p99, .cpu_first_us.median, .cpu_us.median | ms), .value.peak_kib.median])'

table 'The same by memory, CPUs, disks, size of initrd and kernel: median milliseconds from exec to the first byte' '
	["", "", "floor", "mayfly"],
	(.sweep | to_entries[] | .key as $what | .value | group_by(.at)[] | (map({(.who): .first_us.median | ms}) | add) as $by
		| [$what, .[0].at, $by.floor // "", $by.mayfly])'

table 'Many at once: KiB each, beside guest memory and in it' '
	["VMs", "", "VMs/s", "ended in s", "left", "private dirty", "private clean", "proportional", "guest: private", "guest: proportional"],
	(.crowd[] | [.count, .who, .per_s, .down_s, .left,
		(.memory | if . then (.own | .private_dirty_kib, .private_clean_kib, .pss_kib), (.guest | .private_dirty_kib, .pss_kib) | round1 else "" end)])'

table 'Boot of our kernel in the lab: millions of instructions from exec (host and guest; what VMM and guest worked alone), exits' '
	["", "to workload", "worked", "to exit", "exits to the VMM", "all exits"],
	(.boot | to_entries[] | select(.value | type == "object") | [.key, (.value
		| (.to_workload_instructions.median, .to_workload_busy_instructions.median, .to_exit_instructions.median | . / 1e5 | round / 10),
			.launcher_exits, .kvm_exits)])'

table 'Disk and net in the lab: instructions of host and guest for each request, KiB or packet; system calls and exits of the VMM' '
	["", "mayfly", "QEMU", "ratio", "calls", "QEMU", "exits", "QEMU"],
	(.io | to_entries[] | [.key, (.value | [.mayfly, .qemu] as $both
		| ($both[] | to_entries[] | select(.key | startswith("instructions_per")) | .value | round), .ratio_instructions_mayfly_to_qemu,
			($both[] | to_entries[] | select(.key | test("^system_calls_per")) | .value),
			($both[] | to_entries[] | select(.key | startswith("launcher_exits")) | .value))])'

table 'What a guest says, in the lab' '
	["", "bytes", "exits per 64", "instructions a byte"],
	(.console | to_entries[] | [.key, (.value | .bytes, .launcher_exits_per_64_bytes, .instructions_per_byte)])'

printf '\nWhat is to be reached (tests/bench/budget)\n\n'
tests/bench/budget.sh "$file" | column -t -s "$(printf '\t')"
