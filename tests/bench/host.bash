# shellcheck shell=bash
# shellcheck disable=SC2034 # for those who source it
# What the benchmarks on the host share, and run.sh. Sourced.

cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit
arch=$(uname -m)
build=build/$arch
bench=$build/bench
export LC_ALL=C

say() { printf 'bench: %s\n' "$*" >&2; }

fail() {
	say "$@"
	exit 1
}

# The best that QEMU does for such a guest: no firmware devices, no clock chips. $1: MiB, $2: CPUs, $3: kernel; then
# more. MSRs that a nested KVM refuses are not asked of it. Sets $qemu.
qemu_words() {
	qemu=(/usr/bin/qemu-system-x86_64 -M 'microvm,pit=off,pic=off,rtc=off,acpi=off,isa-serial=on' -accel kvm
		-cpu 'host,-arch-capabilities' -m "$1" -smp "$2" -nodefaults -no-user-config -display none -no-reboot
		-chardev 'stdio,id=c,signal=off' -serial chardev:c -device 'isa-debug-exit,iobase=0xf4,iosize=1'
		-kernel "$3" "${@:4}")
}

# Lines of measure (stdin) as JSON: for each name the median, the 99th percentile and the least of each column.
summary() {
	jq -Rn -f tests/bench/summary.jq
}
