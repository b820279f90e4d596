#!/bin/bash
# io.sh OUT: what disk and network cost, in instructions of host and guest together, a request, KiB or packet: mayfly
# and QEMU's microvm, with the same guest (io-guest.sh), fio on a virtio disk whose file is on a tmpfs, iperf3 over a
# TAP. It all happens in the lab that counts instructions (x86-64's alone), on one CPU. Exits, interrupts and system
# calls are the difference of two shorter runs, which are traced.
# Output: one JSON object in OUT.
set -euo pipefail

out=${1:?usage: io.sh OUT}
here=$(dirname "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# shellcheck source-path=SCRIPTDIR source=common.bash
. "$here/common.bash"

loads='disk_read_4k_depth_1 disk_write_4k_depth_1 disk_read_4k_depth_32 disk_write_4k_depth_32 disk_read_1m disk_write_1m
	net_tcp_send net_tcp_receive net_packets_send net_packets_receive'

# once VMM LOAD: a lab of its own. Under -icount, QEMU 7.2 now and then lets an interrupt into a guest of the lab's KVM
# that has disabled them, and the guest then waits for a lock that it holds itself, for ever; once in some ten thousand
# requests. A load that meets that each time is left out, and said.
once() {
	local attempt
	for attempt in 1 2 3 4; do
		say "$1, $2"
		in_lab io-lab.bash -t 60 -f "$work/io.cpio" -- "$1" "$2" >"$work/lines" 2>"$work/log" && break
		[ "$attempt" -lt 4 ] || { say "$1, $2: not measured" && return; }
	done
	jq -c --arg vmm "$1" --arg load "$2" '. + {vmm: $vmm, load: $load}' "$work/lines" >>"$work/all"
}

prepare
initrd_of "$here/io-guest.sh" "$work/over.cpio"
cat "$files/initramfs.cpio" "$files/tools.cpio" "$work/over.cpio" >"$work/io.cpio"
for load in $loads; do
	once mayfly "$load"
	once qemu "$load"
done
jq -s -f "$here/io.jq" "$work/all" >"$out"
say "wrote $out"
