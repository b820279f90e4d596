#!/bin/sh
# initramfs.sh ARCH OUT: packs a busybox system with a shell on the console into OUT, an uncompressed initramfs.
# Input: the package busybox-static. Needs neither root nor device nodes: the kernel brings a /dev/console of its own,
# and the rest is devtmpfs. The same inputs give the same bytes. Exit: 0, or 1 with a line on stderr.
set -eu
umask 022

images=$(dirname "$0")/../images
arch=${1:?usage: initramfs.sh ARCH OUT}
out=${2:?usage: initramfs.sh ARCH OUT}
# shellcheck source=/dev/null
. "$images/progress.sh"
# shellcheck source=/dev/null
. "$images/cache.sh"
# shellcheck source-path=SCRIPTDIR source=../images/arch.sh
. "$images/arch.sh"
# shellcheck source=/dev/null
. "$images/apt.sh"
# shellcheck source=/dev/null
. "$images/tree.sh"

# PID 1 stays a plain script; the shell gets a session of its own with the console as its terminal, or Ctrl-C would do
# nothing. A kernel that was given neither ACPI tables nor PSCI would halt for ever instead of powering off: there a
# reboot ends the VM.
write_init() {
	cat <<-'END'
		#!/bin/sh
		export PATH=/sbin:/usr/sbin:/bin:/usr/bin HOME=/root TERM="${TERM:-vt100}"
		mount -t proc proc /proc
		mount -t sysfs sysfs /sys
		mount -t devtmpfs devtmpfs /dev
		mkdir -p /dev/pts /dev/shm
		mount -t devpts -o ptmxmode=666 devpts /dev/pts
		mount -t tmpfs tmpfs /dev/shm
		mount -t tmpfs tmpfs /tmp
		mount -t tmpfs tmpfs /run
		[ "$(hostname)" != '(none)' ] || hostname mayfly
		ip link set lo up
		memory=$(awk '/^MemTotal/ { print int($2 / 1024) }' /proc/meminfo)
		echo "Linux $(uname -r): $(nproc) CPU, $memory MiB, up in $(cut -d' ' -f1 /proc/uptime) s. To power off: exit"
		cd /root
		setsid cttyhack sh
		sync
		[ -d /sys/firmware/acpi ] || [ -d /sys/firmware/devicetree/base/psci ] || reboot -f
		poweroff -f
	END
}

tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
tree_busybox "$tree"
write_init >"$tree/init"
chmod 755 "$tree" "$tree/init"
tree_pack "$tree" "$out"
