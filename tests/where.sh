#!/bin/sh
# where.sh ARCH: says where an unmodified guest kernel can be run on this machine.
#   host   its own KVM: /dev/kvm may be used, and the CPU has VT-x, AMD-V or Arm EL2
#   lab    not here: an emulated host is needed (tests/lab/lab.sh)
# where.sh ARCH why: says so in a sentence, for people, with the reason.
set -eu

arch=${1:?usage: where.sh ARCH [why]}

# Why not here; nothing if it can. A KVM without VT-x or AMD-V emulates guest kernels (PVM) and lacks instructions that
# Linux uses.
obstacle() {
	if [ "$arch" != "$(uname -m)" ]; then
		echo "this machine is $(uname -m), not $arch"
	elif [ ! -e /dev/kvm ]; then
		echo 'there is no /dev/kvm'
	elif [ ! -r /dev/kvm ] || [ ! -w /dev/kvm ]; then
		echo "user $(id -un) may not use /dev/kvm (its group is $(stat -c %G /dev/kvm))"
	elif [ "$arch" = x86_64 ] && ! grep -qwE 'vmx|svm' /proc/cpuinfo; then
		echo "this machine's KVM has neither VT-x nor AMD-V and cannot run Linux"
	fi
}

obstacle=$(obstacle)
case $obstacle:${2:-} in
:why) echo "Linux guests run on this machine's KVM" ;;
*:why) echo "Linux guests run in an emulated host: $obstacle" ;;
:) echo host ;;
*:) echo lab ;;
*) echo 'usage: where.sh ARCH [why]' >&2 && exit 2 ;;
esac
