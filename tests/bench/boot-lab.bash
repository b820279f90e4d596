#!/bin/bash
# boot-lab.bash: boot.sh's part in the lab. Each kind of boot four times, the last time traced.
set -eu
# shellcheck source-path=SCRIPTDIR source=lab.bash
. /lab.bash

# once NAME: one boot, stamped; a line of what was seen.
once() {
	local name=$1 seen stats=null
	rm -f /tmp/stats
	seen=$("boot_$name" /stamp)
	[ ! -e /tmp/stats ] || stats=$(tr -d '\n' </tmp/stats)
	printf '{"name":"%s","stamp":%s,"stats":%s}\n' "$name" "$seen" "$stats"
}

plain=(--stats /tmp/stats -i /plain.cpio -a quiet)
command=(--stats /tmp/stats -f /first:/first)

boot_qemu_pvh_plain() { "$@" "${qemu[@]}" -kernel /vmlinux -initrd /plain.cpio -append "$words quiet"; }
# Without the driver of its UART, which the guest can spare: the workload has none, and a byte can be sent all the same.
boot_qemu_pvh_no_uart() {
	"$@" "${qemu[@]}" -kernel /vmlinux -initrd /plain.cpio -append "reboot=t panic=-1 quiet 8250.nr_uarts=0"
}
boot_qemu_fast_no_uart() {
	"$@" "${qemu[@]}" -kernel /vmlinux-fast -initrd /plain.cpio -append "reboot=t panic=-1 quiet 8250.nr_uarts=0"
}
boot_mayfly_fast_plain() { "$@" "${mayfly[@]}" -k /vmlinux-fast "${plain[@]}"; }
boot_mayfly_fast_command() { "$@" "${mayfly[@]}" -k /vmlinux-fast "${command[@]}" -- /first; }
boot_mayfly_pvh_plain() { "$@" "${mayfly[@]}" -k /vmlinux "${plain[@]}"; }
boot_mayfly_bzimage_plain() { "$@" "${mayfly[@]}" -k /bzImage "${plain[@]}"; }
boot_mayfly_pvh_command() { "$@" "${mayfly[@]}" -k /vmlinux "${command[@]}" -- /first; }
boot_mayfly_bzimage_command() { "$@" "${mayfly[@]}" -k /bzImage "${command[@]}" -- /first; }

for name in qemu_pvh_plain qemu_pvh_no_uart mayfly_pvh_plain mayfly_bzimage_plain mayfly_pvh_command \
	mayfly_bzimage_command qemu_fast_no_uart mayfly_fast_plain mayfly_fast_command; do
	once "$name" >/dev/null # what a first time costs is not measured
	for _ in 1 2 3; do once "$name"; done
	traced "$name" kvm_userspace_exit:reason kvm_pio:port,rw kvm_mmio:gpa,type kvm_exit:exit_reason kvm_msr:ecx,write -- \
		"boot_$name" env
done
