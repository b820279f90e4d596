#!/usr/bin/env bash
# start.sh OUT.json: from exec to the first guest instruction and to the end, of a bare guest with 128 MiB and one CPU:
# the floor program, mayfly (and without its jail), QEMU's microvm, in turn.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=host.bash
. "$(dirname "$0")/host.bash"

rounds=${ROUNDS:-200}
guest=$bench/guest.elf
mayfly=("$build/mayfly" run -k "$guest" -m 128)
qemu_words 128 1 "$guest"

say "start: $rounds rounds"
"$bench/measure" "$rounds" -- floor "$bench/floor" -m 128 -- mayfly "${mayfly[@]}" -- mayfly_jail_off "${mayfly[@]}" --jail=off \
	-- qemu "${qemu[@]}" </dev/null | summary | jq '
	def ratio(a; b): a / b * 1000 | round / 1000;
	. + {ratios: {
		first_to_floor: ratio(.mayfly.first_us.median; .floor.first_us.median),
		first_to_qemu: ratio(.mayfly.first_us.median; .qemu.first_us.median),
		exit_to_floor: ratio(.mayfly.exit_us.median; .floor.exit_us.median),
		exit_to_qemu: ratio(.mayfly.exit_us.median; .qemu.exit_us.median)
	}}' >"$1"
