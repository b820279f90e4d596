# shellcheck shell=bash
# lab.bash: for the benchmarks' scripts that run in the lab (sourced there by them).
#
#   $mayfly, $qemu       the launcher and QEMU with what makes its machine as small and as quick as it gets, as arrays
#   $words               what QEMU's guest needs to be told beside what mayfly tells its own, but for `quiet`
#   traced NAME FILTER EVENT:KEYS... -- COMMAND...
#                        runs it and says how often each EVENT of KVM's happened, one line for each value of KEYS:
#                        {"name":NAME,"event":EVENT,"at":{KEY:VALUE,...,"count":N}}

tracing=/sys/kernel/tracing
# shellcheck disable=SC2034 # for those who source this, here and below
mayfly=(/mayfly run -m 128M)
# Its dynamic linker is told where the libraries are; that is all that differs from an installation.
# shellcheck disable=SC2034
qemu=(/qemu/lib/ld-linux-x86-64.so.2 --library-path /qemu/lib /qemu/qemu -L /qemu/share
	-M "microvm,accel=kvm,kernel-irqchip=on,pit=off,pic=off,rtc=off,acpi=off,isa-serial=on,x-option-roms=off" -cpu host -smp 1 -m 128
	-nodefaults -no-user-config -display none -no-reboot -serial stdio)
# shellcheck disable=SC2034
words='console=ttyS0 reboot=t panic=-1'

mount -t tracefs tracefs $tracing

# watch EVENT:KEYS, unwatch EVENT:KEYS, counts NAME EVENT:KEYS
watch() { echo "hist:keys=${1#*:}:size=4096" >"$tracing/events/kvm/${1%%:*}/trigger"; }
unwatch() { echo "!hist:keys=${1#*:}" >"$tracing/events/kvm/${1%%:*}/trigger"; }
counts() {
	sed -nE '/^\{/ { s/([a-z_]+): *(-?[0-9]+)/"\1":\2/g; s/ *\} *"hitcount":/,"count":/; s/$/}/; p }' \
		"$tracing/events/kvm/${2%%:*}/hist" | while read -r at; do
		printf '{"name":"%s","event":"%s","at":%s}\n' "$1" "${2%%:*}" "$at"
	done
}

traced() {
	local name=$1 events=()
	shift
	while [ "$1" != -- ]; do
		events+=("$1")
		shift
	done
	shift
	for event in "${events[@]}"; do watch "$event"; done
	"$@" >/dev/null
	for event in "${events[@]}"; do
		counts "$name" "$event"
		unwatch "$event"
	done
}
