#!/bin/sh
# musl.sh ARCH: prints the cache directory that holds a toolchain for static programs on musl:
#   bin/cc       the compiler on musl
#   bin/gcc      the same compiler without a C library of its own choice, for programs that have none
#   bin/{ar,nm,objcopy,readelf,strip}
#   libc.a       without tables for exceptions, which on arm64 are a tenth of a small program
#   lib/         libc.a as it came and the start files: rcrt1.o crti.o crtn.o ...
#   include/     musl's headers
# For this machine's architecture these are links to what musl-tools and binutils installed; for another, Debian's cross
# compiler and the files of its package musl-dev. Exit: 0, or 1 with a line on stderr.
set -eu

here=$(dirname "$0")
arch=${1:?usage: musl.sh ARCH}
# shellcheck source=/dev/null
. "$here/progress.sh"
# shellcheck source-path=SCRIPTDIR source=cache.sh
. "$here/cache.sh"
# shellcheck source-path=SCRIPTDIR source=arch.sh
. "$here/arch.sh"
# shellcheck source=/dev/null
. "$here/apt.sh"

# The compiler's wrapper and its specs name absolute paths: those of the finished entry, not of the one under way.
relocate() {
	apt_unpack "$1" musl-dev
	for file in "bin/$arch-linux-musl-gcc" "lib/$arch-linux-musl/musl-gcc.specs"; do
		sed -i "s#/usr/\(lib\|include\)/#$place/files/usr/\1/#g" "$1/files/usr/$file"
	done
}

build() {
	usr=/usr now=/usr
	if [ -n "$cross" ]; then
		relocate "$1"
		usr=$place/files/usr now=$1/files/usr
	fi
	mkdir "$1/bin"
	ln -s "$usr/lib/$arch-linux-musl" "$1/lib"
	ln -s "$usr/include/$arch-linux-musl" "$1/include"
	ln -s "$usr/bin/$arch-linux-musl-gcc" "$1/bin/cc"
	linker=$(command -v ld.lld) || fail 'no ld.lld: see images/deps.sh'
	ln -s "$linker" "$1/bin" # for `cc -B bin -fuse-ld=lld`
	for tool in gcc ar nm objcopy readelf strip; do
		program=$(command -v "$cross$tool") || fail "no $cross$tool: see images/deps.sh"
		ln -s "$program" "$1/bin/$tool"
	done
	"$1/bin/objcopy" --remove-section .eh_frame "$now/lib/$arch-linux-musl/libc.a" "$1/libc.a"
}

# The installed musl-dev tells the version of the other architecture's as well: Debian builds both from one source.
versions=$(installed musl-dev)
key=$(cache_key "$0" "$here/apt.sh" "$versions" "$(command -v "${cross}gcc")" "$cache_root")
place=$cache_root/musl-$arch-$key
cache_entry "musl-$arch" "$key" build
