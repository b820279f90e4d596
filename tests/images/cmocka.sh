#!/bin/sh
# cmocka.sh ARCH: builds the cmocka test library for musl and prints the cache directory that holds
#   include/cmocka.h include/cmocka_pbc.h  lib/libcmocka.a
# Input: Debian's source package cmocka (its binary packages are for glibc). Exit: 0, or 1 with a line on stderr.
set -eu

images=$(dirname "$0")/../../images
arch=${1:?usage: cmocka.sh ARCH}
# shellcheck source=/dev/null
. "$images/progress.sh"
# shellcheck source=/dev/null
. "$images/cache.sh"
# shellcheck source-path=SCRIPTDIR source=../../images/arch.sh
. "$images/arch.sh"
# shellcheck source=/dev/null
. "$images/apt.sh"

# The library is one file. What its CMake would find out about musl is written down here instead.
features='MALLOC_H INTTYPES_H SIGNAL_H STRINGS_H STRUCT_TIMESPEC CLOCK_REALTIME STRSIGNAL SIGLONGJMP
	GCC_THREAD_LOCAL_STORAGE'

build() {
	apt_source cmocka "$1"
	progress BUILD "cmocka for $arch"
	cd "$1"
	mkdir include lib
	cp src/include/cmocka.h src/include/cmocka_pbc.h include
	# Where the libc does not tell the size of a word, the header knows it of few processors only.
	sed -i 's/defined(__x86_64__)/defined(__LP64__)/' include/cmocka.h
	for feature in $features; do printf '#define HAVE_%s 1\n' "$feature"; done >src/config.h
	logged log "$musl/bin/cc" -std=gnu99 -O2 -g -fPIC -DHAVE_CONFIG_H -Isrc -Iinclude -Isrc/include \
		-c src/src/cmocka.c -o cmocka.o
	"$musl/bin/ar" rcsD lib/libcmocka.a cmocka.o
	rm -r src log cmocka.o
}

# The installed package tells the source's version at once, without apt's indexes.
versions=$(installed libcmocka-dev)
musl=$("$images/musl.sh" "$arch")
key=$(cache_key "$0" "$images/apt.sh" "$versions" "$musl" "$("$musl/bin/cc" -dumpfullversion)")
cache_entry "cmocka-$arch" "$key" build
