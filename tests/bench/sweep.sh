#!/usr/bin/env bash
# sweep.sh OUT.json: how the start grows with memory, CPUs, disks, the size of kernel and initrd: mayfly against the
# floor program, which has memory and CPUs alone.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=host.bash
. "$(dirname "$0")/host.bash"

rounds=${ROUNDS:-30}
guest=$bench/guest.elf
mayfly=$build/mayfly
floor=$bench/floor
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
words=()

# $1: name; then the command.
also() { words+=(-- "$@"); }

# Names are WHAT:NUMBER:WHO.
by_memory() {
	for mib in 32 128 512 2048 16384 65536; do
		also "ram_mib:$mib:floor" "$floor" -m "$mib"
		also "ram_mib:$mib:mayfly" "$mayfly" run -k "$guest" -m "$mib"
	done
}

by_cpus() {
	for cpus in 1 2 4 8 16 32; do
		also "cpus:$cpus:floor" "$floor" -c "$cpus"
		also "cpus:$cpus:mayfly" "$mayfly" run -k "$guest" -m 128 -c "$cpus"
	done
}

by_disks() {
	local disks=()

	for count in 0 1 2 4 8; do
		while ((${#disks[@]} < 2 * count)); do
			truncate -s 1M "$work/disk${#disks[@]}"
			disks+=(-d "$work/disk${#disks[@]}")
		done
		also "disks:$count:mayfly" "$mayfly" run -k "$guest" -m 128 "${disks[@]}"
	done
}

by_size() {
	for mib in 1 8 64 512; do
		head -c "${mib}M" /dev/zero | tr '\0' Z >"$work/file"
		(cd "$work" && echo file | cpio --quiet -o -H newc >"initrd$mib.cpio" && chmod a-w "initrd$mib.cpio")
		also "initrd_mib:$mib:mayfly" "$mayfly" run -k "$guest" -m 2048 -i "$work/initrd$mib.cpio"
		also "kernel_mib:$mib:mayfly" "$mayfly" run -k "$bench/guest-$mib.elf" -m 2048
	done
}

say "sweep: $rounds rounds"
by_memory
by_cpus
by_disks
by_size
"$bench/measure" "$rounds" "${words[@]}" | summary | jq '
	to_entries
	| map((.key / ":") as $key | {what: $key[0], at: $key[1] | tonumber, who: $key[2]} + .value)
	| group_by(.what)
	| map({key: .[0].what, value: sort_by(.at, .who)})
	| from_entries' >"$1"
