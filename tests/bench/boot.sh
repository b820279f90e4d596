#!/bin/bash
# boot.sh OUT: what a boot of our kernel costs, to the workload's first act and to the VMM's exit, in instructions of
# host and guest together, and its exits: mayfly, by both ways in, and QEMU's microvm. One CPU, 128 MiB, quiet.
# "plain" boots have the same initrd, whose init is the workload, under both VMMs ("no_uart": QEMU's, to its advantage,
# without a driver for the UART); "command" is mayfly's own way to run a program. It all happens in the lab that counts
# instructions (x86-64's alone), so it repeats on any machine, and an idle wait counts as if it were instructions
# (_busy_ leaves out what is not the VMM's own CPU time).
# Output: one JSON object in OUT. A spread is the difference between the most and the least of three runs.
set -euo pipefail

out=${1:?usage: boot.sh OUT}
here=$(dirname "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# shellcheck source-path=SCRIPTDIR source=common.bash
. "$here/common.bash"

say "boots in the lab, which take a minute or two"
prepare
in_lab boot-lab.bash -t 600 -f "$files/vmlinux-fast" -- >"$work/lines"
jq -s -f "$here/boot.jq" "$work/lines" >"$out"
say "wrote $out"
