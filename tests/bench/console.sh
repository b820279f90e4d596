#!/bin/bash
# console.sh OUT: what a guest's words cost, in instructions of host and guest together and in exits to mayfly: a MiB of
# a command's output by the channel, the kernel's log, and for comparison the first UART with the kernel's driver and
# without one, which is an exit a byte. The same boot without these bytes is subtracted.
# It all happens in the lab that counts instructions (x86-64's alone). Output: one JSON object in OUT.
set -euo pipefail

out=${1:?usage: console.sh OUT}
here=$(dirname "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# shellcheck source-path=SCRIPTDIR source=common.bash
. "$here/common.bash"

say "boots in the lab, which take half a minute"
prepare
compile emit
initrd_of "$work/emit" "$work/emit.cpio"
in_lab console-lab.bash -f "$work/emit" -f "$work/emit.cpio" -- >"$work/lines"
jq -s -f "$here/console.jq" "$work/lines" >"$out"
say "wrote $out"
