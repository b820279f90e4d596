#!/bin/sh
# lab.sh: runs a command in a lab host, an emulated machine whose Linux has a real /dev/kvm, where there is none.
#
#   lab.sh [-ix] [-a ARCH] [-g GIC] [-t SECONDS] [-m MIB] [-c CPUS] [-f HOSTPATH[:LABPATH]]... -- COMMAND [ARG...]
#   lab.sh -n [-x] [-a ARCH]     runs nothing; fills the cache, and prints the entry of the lab's base
#
# GIC is the version of an aarch64 host's interrupt controller: 2, or 3 (the default). With -i (x86_64 only) the lab's
# clock counts instructions, a nanosecond each, on one CPU, so that what is measured repeats on a busy machine; where
# the lab is idle, its clock leaps to the next timer. What an exit costs real hardware it does not know. Each -f puts a
# file or a directory into the lab, as LABPATH (default: /NAME). COMMAND runs as root with busybox at hand (with -x also
# bash, bats and the programs of tests/images/tools.sh, which tests need) and /dev/kvm, /dev/net/tun, /dev/pts, /proc,
# /sys and a tmpfs on /tmp; it can make loop devices, bridges, macvlan and macvtap links. Its output, both streams, is
# passed on as it comes, less the carriage returns at line ends that consoles add.
# Exit: COMMAND's code; 124 when SECONDS (default 120) have passed; 125 when the lab itself failed; a line on stderr
# says so for both.
# shellcheck disable=SC2317 # functions that are called by name look unreachable
set -eu
umask 022

here=$(dirname "$0")
images=$here/../../images
# shellcheck source=/dev/null
. "$images/progress.sh"
# shellcheck source=/dev/null
. "$images/cache.sh"

lab_fail() {
	printf 'lab.sh: %s\n' "$*" >&2
	exit 125
}

usage() {
	lab_fail 'usage: lab.sh [-ix] [-a ARCH] [-g 2|3] [-t SECONDS] [-m MIB] [-c CPUS] [-f HOSTPATH[:LABPATH]]... -- COMMAND [ARG...]'
}

# PID 1 of the lab. The kernel's log and the verdict go to the console, one UART, COMMAND's output to another, so that
# neither can spoil the other. $lab_out, that one, comes from the kernel's command line. The last two
# stty change nothing: they wait until the output has left. Where PID 1 exits, the kernel panics, and its log tells why.
lab_init() {
	cat <<-'END'
		#!/bin/sh
		export PATH=/sbin:/usr/sbin:/bin:/usr/bin HOME=/root TERM=dumb SHELL=/bin/sh LAB=1
		[ ! -x /bin/bash ] || SHELL=/bin/bash
		mount -t proc proc /proc
		mount -t sysfs sysfs /sys
		mount -t devtmpfs devtmpfs /dev
		mkdir -p /dev/pts /dev/shm
		mount -t devpts -o ptmxmode=666 devpts /dev/pts
		mount -t tmpfs tmpfs /dev/shm
		mount -t tmpfs tmpfs /tmp
		mount -t tmpfs tmpfs /run
		ln -s /proc/self/fd /dev/fd
		for fd in 0:stdin 1:stdout 2:stderr; do ln -s "/proc/self/fd/${fd%:*}" "/dev/${fd#*:}"; done
		for module in /modules/*.ko; do insmod "$module" || exit; done
		[ -c /dev/kvm ] || exit
		ip link set lo up
		hostname lab
		cd /root
		out=/dev/$lab_out
		unset lab_out
		stty -F "$out" raw
		setsid sh /lab/command </dev/null >"$out" 2>&1
		code=$?
		stty -F "$out" raw
		echo "lab: exit $code" >/dev/console
		stty -F /dev/console raw
		reboot -f
	END
}

# What tests need. busybox's applets of the same names give way: their directories come first in the path.
copy_tools() {
	tree_bash "$1"
	dpkg -L bats | grep -E '^/usr/(bin|lib|libexec)/' | cut -c2- | tar -C / -cf - --no-recursion -T - | tar -xf - -C "$1"
	for program in "$tools"/bin/* "$tools"/bin-host/*; do
		for directory in bin sbin usr/bin usr/sbin; do rm -f "$1/$directory/${program##*/}"; done
		cp -a "$program" "$1/usr/bin"
	done
}

# The part of the lab that is the same in every run. The modules' names carry the order they are loaded in.
build_base() {
	progress BUILD "lab host for $arch"
	mkdir "$1/tree"
	tree_busybox "$1/tree"
	mkdir "$1/tree/modules"
	n=10
	for module in $modules; do
		find "$kernel/modules" -name "$module.ko" -exec cp {} "$1/tree/modules/$n-$module.ko" \;
		n=$((n + 1))
	done
	[ -z "$tools" ] || copy_tools "$1/tree"
	lab_init >"$1/tree/init"
	chmod 755 "$1/tree/init"
	tree_pack "$1/tree" "$1/base.cpio"
	rm -r "$1/tree"
}

# Words for a shell, each in single quotes.
quoted() {
	for word in "$@"; do
		printf "'%s' " "$(printf '%s\n' "$word" | sed "s/'/'\\\\''/g")"
	done
}

# put HOSTPATH[:LABPATH]: a link on the command line is followed, those within a directory stay links.
put() {
	from=${1%%:*}
	case $1 in *:*) to=${1#*:} ;; *) to=/${from##*/} ;; esac
	[ -e "$from" ] || lab_fail "no such file: $from"
	mkdir -p "$work/tree/$(dirname "$to")"
	cp -aH "$from" "$work/tree/$to"
}

# The rate of the time-stamp counter, which TCG passes through, is half the BogoMIPS. Left to calibrate it against the
# emulated PIT, the host gets it wrong now and then, and its guests hang.
# Where instructions are the clock, it is their rate.
tsc_khz() {
	if [ -n "$icount" ]; then echo 1000000; else awk '/^bogomips/ { printf "%d", $3 * 500; exit }' /proc/cpuinfo; fi
}

# No XSAVE: with it each guest's kernel warns of an inconsistent size, as if its XSETBV did not reach the lab's KVM.
# No ERMS and FSRM: QEMU takes a repeated string instruction apart by its unit, which is a byte there. Where a page held
# code of an earlier guest, each unit is a call into QEMU: to clear such pages took half of a guest's boot.
# In the background: only a `wait` lets a signal end this script at once. TCG needs no privileges and no host KVM.
start_x86_64() {
	# shellcheck disable=SC2086 # $icount is an option and its value, or nothing
	timeout --foreground -k 2 "$seconds" qemu-system-x86_64 -M microvm,acpi=off,pit=on,pic=on,rtc=on \
		-accel "tcg,thread=$threads" $icount -cpu "$cpu" -smp "$cpus" -m "$mib" \
		-nodefaults -no-user-config -display none -no-reboot \
		-kernel "$kernel/vmlinuz" -initrd "$work/initrd" \
		-append "console=ttyS0 lab_out=ttyS1 $arguments reboot=t tsc_early_khz=$(tsc_khz) tsc=reliable" \
		-serial "file:$work/log" -chardev "file,id=out,path=$work/out" \
		-device isa-serial,index=1,iobase=0x2f8,irq=3,chardev=out </dev/null 3>&- >"$work/qemu.log" 2>&1 &
}

# The board has one UART for Linux; the second is a PCI card.
start_aarch64() {
	timeout --foreground -k 2 "$seconds" qemu-system-aarch64 -M "virt,virtualization=on,gic-version=$gic,acpi=off" \
		-accel tcg,thread=multi -cpu cortex-a72 -smp "$cpus" -m "$mib" \
		-nodefaults -no-user-config -display none -no-reboot \
		-kernel "$kernel/vmlinuz" -initrd "$work/initrd" -append "console=ttyAMA0 lab_out=ttyS0 $arguments" \
		-serial "file:$work/log" -chardev "file,id=out,path=$work/out" \
		-device pci-serial,chardev=out </dev/null 3>&- >"$work/qemu.log" 2>&1 &
}

# Passes on what the lab writes into the FIFO. Descriptor 3 keeps that open for as long as QEMU may run, so that the
# reader neither waits for a QEMU that failed to start nor misses the end of one that did.
run() {
	mkfifo "$work/out"
	exec 3<>"$work/out"
	sed -u 's/\r*$//' <"$work/out" 3>&- &
	reader=$!
	"start_$arch"
	vm=$!
	status=0
	wait "$vm" || status=$?
	exec 3>&-
	wait "$reader" || :
	vm='' reader=''
}

# verdict QEMU-STATUS: the log's last word is it; what else stands there is the kernel's.
verdict() {
	judged=yes
	code=$(tr -d '\r' <"$work/log" | sed -n 's/^lab: exit \([0-9]*\)$/\1/p' | tail -n 1)
	[ -z "$code" ] || exit "$code"
	[ "$1" != 124 ] || { echo "lab.sh: still running after $seconds s" >&2 && exit 124; }
	tail -q -n 40 "$work/qemu.log" "$work/log" >&2
	lab_fail "the lab host ended without a verdict (qemu: $1)"
}

# What ends this script before there is a verdict is the lab's failure, not COMMAND's.
cleanup() {
	status=$?
	[ -n "$judged" ] || [ "$status" -gt 125 ] || status=125
	[ -z "$vm" ] || kill "$vm" 2>/dev/null || :
	[ -z "$reader" ] || kill "$reader" 2>/dev/null || :
	rm -rf "$work"
	exit "$status"
}

arch=$(uname -m) gic=3 seconds=120 mib=3000 cpus=2 tools='' icount='' threads=multi cpu=max,xsave=off,erms=off,fsrm=off
work=$(mktemp -d)
vm='' reader='' judged='' nothing=''
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
mkdir -p "$work/tree/lab"

while getopts inxa:g:t:m:c:f: option; do
	case $option in
	n) nothing=yes ;;
	i) icount='-icount shift=0,sleep=off' threads=single ;;
	x) tools=yes ;;
	a) arch=$OPTARG ;;
	g) gic=$OPTARG ;;
	t) seconds=$OPTARG ;;
	m) mib=$OPTARG ;;
	c) cpus=$OPTARG ;;
	f) put "$OPTARG" ;;
	*) usage ;;
	esac
done
shift $((OPTIND - 1))
[ $# -gt 0 ] || [ -n "$nothing" ] || usage
case $gic in 2 | 3) ;; *) usage ;; esac
[ -z "$icount" ] || [ "$arch" = x86_64 ] || lab_fail "only an x86_64 lab counts instructions (leave out -i)"
[ -z "$icount" ] || cpus=1

# shellcheck source-path=SCRIPTDIR source=../../images/arch.sh
. "$images/arch.sh"
# shellcheck source=/dev/null
. "$images/apt.sh"
# shellcheck source=/dev/null
. "$images/tree.sh"

arguments='quiet panic=-1 mitigations=off'
modules='tun tap macvlan macvtap llc stp bridge loop'
# What costs time alone, unless it is to be counted: Debian's kernels clear memory once more when they hand it out; and
# with a fifth level of page tables, in both stages of translation, a miss of the TLB reads many more of them.
[ -n "$icount" ] || arguments="$arguments init_on_alloc=0" cpu=$cpu,la57=off
case $arch in
x86_64) modules="irqbypass kvm kvm-amd $modules" ;;
aarch64) ;; # KVM is built in
esac

kernel=$("$here/../images/debian-kernel.sh" "$arch")
versions=$(installed busybox-static)
if [ -n "$tools" ]; then
	tools=$("$here/../images/tools.sh" "$arch")
	versions=$(installed busybox-static bash-static bats)
fi
key=$(cache_key "$0" "$images/tree.sh" "$kernel" "$tools" "$versions")
base=$(cache_entry "lab${tools:+-tests}-$arch" "$key" build_base)
if [ -n "$nothing" ]; then
	printf '%s\n' "$base"
	judged=yes
	exit 0
fi

printf 'exec %s\n' "$(quoted "$@")" >"$work/tree/lab/command"
tree_pack "$work/tree" "$work/files.cpio"
cat "$base/base.cpio" "$work/files.cpio" >"$work/initrd" # archives in a row are one initramfs

: >"$work/log"
run
verdict "$status"
