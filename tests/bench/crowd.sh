#!/usr/bin/env bash
# crowd.sh OUT.json: many VMs at once: how fast they are up, what memory each takes beside the guest's, what they share,
# and that nothing is left. mayfly, with and without its jail, and the floor program.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=host.bash
. "$(dirname "$0")/host.bash"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
at_once=$((2 * $(nproc)))
guest=$bench/guest-stays.elf
mayfly=("$build/mayfly" run -k "$guest" -m 128)

# crowd COUNT WHO PROGRAM...: an object in a line.
crowd() { "$bench/crowd" "$1" "$at_once" tests/bench/look.sh "${@:3}" | jq -c --arg who "$2" '{who: $who} + .'; }

for count in 1 100 500; do
	say "crowd: $count VMs, $at_once on their way at a time"
	for _ in 1 2 3; do
		crowd "$count" floor "$bench/floor" -w -m 128
		crowd "$count" mayfly "${mayfly[@]}"
		crowd "$count" mayfly_jail_off "${mayfly[@]}" --jail=off
	done
done >"$work/start"

# A disk and a NIC, and a kernel of which pages can be shared.
say 'crowd: a VM with a disk and a NIC, and 100 with a kernel of 8 MiB'
truncate -s 64M "$work/disk"
{
	crowd 1 mayfly_disk_net /usr/bin/unshare -rn "${mayfly[@]}" -d "$work/disk" -n tap=t0
	crowd 1 mayfly_8_mib "$build/mayfly" run -k "$bench/guest-8-stays.elf" -m 128
	crowd 100 mayfly_8_mib "$build/mayfly" run -k "$bench/guest-8-stays.elf" -m 128
} >"$work/more"

jq -s 'def median: sort | .[length / 2 | floor];
	group_by(.count, .who)
	| map({count: .[0].count, who: .[0].who, per_s: map(.per_s) | median,
		down_s: map(.down_s) | median, left: map(.left) | max, memory: .[0].look})' "$work/start" "$work/more" >"$1"
