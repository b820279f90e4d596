#!/bin/sh
# ioctls.sh CC...: the requests of KVM and of TUN/TAP that the kernel's headers have for the compiler's architecture, as
# C constants, a line each. (Some are another architecture's: what they pass is declared nowhere.)
set -eu

headers='#include <linux/kvm.h>
#include <linux/if_tun.h>'

{
	printf '%s\n' "$headers" | "$@" -E -P - | grep -oE '\bstruct [a-z0-9_]+ \{' | sed 's/struct \(.*\) {/declared \1/' || :
	printf '%s\n' "$headers" | "$@" -E -dM - | sed -nE 's/^#define ((KVM|TUN|TAP)[A-Z0-9_]*) (_IO.*)$/request \1 \3/p' | sort
} | awk '$1 == "declared" { declared[$2] = 1; next }
	match($0, /struct [a-z0-9_]+/) && !(substr($0, RSTART + 7, RLENGTH - 7) in declared) { next }
	{ print "(uint32_t)" $2 "," }'
