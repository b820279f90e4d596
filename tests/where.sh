#!/bin/sh
# where.sh ARCH: says where an unmodified guest kernel can be run on this machine.
#   host   its own KVM: /dev/kvm may be used, and the CPU has VT-x, AMD-V or Arm EL2
#   lab    not here: an emulated host is needed (tests/lab/lab.sh)
set -eu

arch=${1:?usage: where.sh ARCH}
usable() { [ -r /dev/kvm ] && [ -w /dev/kvm ]; }
# A KVM without either emulates guest kernels (PVM) and lacks instructions that Linux uses.
virtual() { [ "$arch" != x86_64 ] || grep -qwE 'vmx|svm' /proc/cpuinfo; }

if [ "$arch" = "$(uname -m)" ] && usable && virtual; then echo host; else echo lab; fi
