#!/bin/sh
# surface.sh: what of mayfly a guest can reach, in figures, as the table at the end of docs/threat-model.md.
set -eu

cd "$(dirname "$0")/.."

# Lines of FILES that are neither empty nor comment, to the next hundred: the page need not change with every one.
lines() { cat "$@" | grep -cvE '^[[:space:]]*($|/\*|\* |\*/)' | awk '{ print int(($1 + 50) / 100) * 100 }'; }

row() { printf '| %s | %s |\n' "$1" "$2"; }

registers() { sed -n 's/.*case \(VIRTIO_MMIO_[A-Z_]*\):.*/\1/p' devices/virtio_mmio.c | sort -u | wc -l; }


# The files of ARCH in FOLDERS: what has another architecture's name on it is not among them.
sources() {
	case $1 in x86_64) foreign=aarch64 ;; *) foreign=x86_64 ;; esac
	shift
	find "$@" -name '*.c' | grep -v "$foreign"
}

loop='vmm/base/ram.c vmm/base/ending.c vmm/loop/console.c vmm/loop/ioloop.c vmm/loop/stream.c vmm/loop/signals.c vmm/loop/deadlines.c'
machine='vmm/machine/bus.c vmm/machine/vcpu.c vmm/machine/serial.c vmm/machine/crash.c vmm/machine/x86_64/machine.c vmm/machine/x86_64/end.c'

echo '| what a guest can reach | |'
echo '|---|---|'
row 'registers of a UART, of which there are two' 8
row 'registers of a virtio-mmio device, beside its configuration' "$(registers)"
row 'other registers, x86-64: keyboard controller (reset), ACPI sleep and reset' 3
row 'other registers, arm64: PL031 (read-only)' 10
row 'virtqueues a device: disk, NIC' '1 to 8, 2 to 17'
row 'requests of KVM while a guest runs: x86-64, arm64' '1, 2'
# shellcheck disable=SC2046,SC2086 # lists
row 'lines of C that its accesses, rings and frames run: devices, the rest of it' "$(lines devices/*.c), $(lines $loop $machine)"
# shellcheck disable=SC2046 # a list
row 'lines that parse what the user gives, before it runs: boot' "$(lines $(sources x86_64 boot))"
# shellcheck disable=SC2046 # lists
row 'all lines of mayfly: x86-64, arm64' \
	"$(lines $(sources x86_64 vmm boot devices)), $(lines $(sources aarch64 vmm boot devices))"
