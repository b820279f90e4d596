#!/bin/sh
# check-binary.sh FILE: fails unless FILE is what mayfly promises to be: one static position-independent file
# without interpreter, library or memory that is both writable and executable, of at most 328 KiB.
set -eu

file=${1:?usage: check-binary.sh FILE}
limit=$((328 * 1024))

fail() {
	echo "check-binary: $file: $*" >&2
	exit 1
}

headers=$(LC_ALL=C readelf -Wlhd "$file")
has() { printf '%s\n' "$headers" | grep -Eq "$1"; }

has 'Type: +DYN' || fail "is not position-independent"
! has '^ +INTERP' || fail "asks for an interpreter (PT_INTERP)"
! has 'NEEDED' || fail "needs a shared library (DT_NEEDED)"
! has 'TEXTREL' || fail "has relocations in its code"
! has '^ +(LOAD|GNU_STACK).* RWE' || fail "has a segment that is writable and executable"
has '^ +GNU_STACK' || fail "does not say that its stack is not executable"
has '^ +GNU_RELRO' || fail "has no RELRO segment"
size=$(stat -c %s "$file")
[ "$size" -le "$limit" ] || fail "has $size bytes, more than $limit"
