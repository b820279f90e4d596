#!/bin/sh
# libseccomp.sh ARCH: builds libseccomp as a static library for musl and prints the cache directory that holds
#   include/seccomp.h include/seccomp-syscalls.h  lib/libseccomp.a
#   uapi/{linux,asm,asm-generic}                  the kernel's headers, for -isystem: musl has none of its own
# Input: Debian's source package libseccomp (the binary package is built for glibc and does not link with musl).
# Exit: 0, or 1 with a line on stderr.
set -eu

here=$(dirname "$0")
arch=${1:?usage: libseccomp.sh ARCH}
# shellcheck source=/dev/null
. "$here/progress.sh"
# shellcheck source=/dev/null
. "$here/cache.sh"
# shellcheck source-path=SCRIPTDIR source=arch.sh
. "$here/arch.sh"
# shellcheck source=/dev/null
. "$here/apt.sh"

# Position-independent for a static-PIE; one section a function, so that the linker drops what mayfly does not use.
cflags='-fPIC -Os -fno-plt -fno-unwind-tables -fno-asynchronous-unwind-tables -ffunction-sections -fdata-sections -fstack-protector-strong'

link_uapi() {
	mkdir "$1"
	ln -s "$headers/linux" "$headers/asm-generic" "$asm" "$1"
	for header in linux/kvm.h asm/unistd.h asm-generic/errno.h; do
		[ -e "$1/$header" ] || fail "no $header in $headers (package linux-libc-dev$dev)"
	done
}

build() {
	apt_source libseccomp "$1"
	follow BUILD "libseccomp for $arch"
	link_uapi "$1/uapi"
	cd "$1/src"
	# The table of names and numbers of all architectures' system calls, half of the library, is for those who name
	# calls or filter for another architecture: mayfly does neither. It looks up one itself.
	sed -i '/^#\|^seccomp,/!d' src/syscalls.csv
	rm -f src/syscalls.perf src/syscalls.perf.c
	logged "$1/log" ./configure --host="$arch-linux-musl" --prefix="$1" --disable-shared --enable-static \
		CC="$musl/bin/cc" AR="$musl/bin/ar" CFLAGS="$cflags" CPPFLAGS="-DNDEBUG -isystem $1/uapi"
	logged "$1/log" make -j"$(nproc)" -C src install-libLTLIBRARIES
	logged "$1/log" make -C include install
	cd "$1"
	rm -r src log lib/libseccomp.la
	followed
}

# libseccomp2 is part of every Debian system, and its version tells that of the source at once, without apt's indexes.
versions=$(installed libseccomp2 "linux-libc-dev$dev")
musl=$("$here/musl.sh" "$arch")
key=$(cache_key "$0" "$here/apt.sh" "$versions" "$musl" "$("$musl/bin/cc" -dumpfullversion)")
cache_entry "libseccomp-$arch" "$key" build
