#!/bin/sh
# tools.sh ARCH: builds static programs for tests in emulated hosts and in guests, and prints the cache directory that
# holds
#   bin/fio  bin/iperf3
#   bin/mke2fs  bin/e2fsck  bin/tune2fs  bin/debugfs  and the links bin/mkfs.ext4 and bin/fsck.ext4
# Input: Debian's source packages fio and e2fsprogs; for iperf3 the static library of Debian's libiperf-dev and iperf3.c
# beside this script. What is optional in them is left out. Exit: 0, or 1 with a line on stderr.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=/dev/null
. "$here/cache.sh"
# shellcheck source=/dev/null
. "$here/apt.sh"

arch=${1:?usage: tools.sh ARCH}
case $arch in
x86_64) host=x86_64-linux-gnu debian=amd64 libc=libc6-dev ;;
*) fail "no recipe for architecture $arch" ;;
esac
cc=$host-gcc
# One section a function, so that the linker drops what a program does not use. No debugging information: it holds the
# directory's name, which even a stripped program would show by its build ID.
cflags='-O2 -g0 -ffunction-sections -fdata-sections'
ldflags='-static -Wl,--gc-sections'

# Without SysV shared memory, which a small kernel lacks, and zlib, which its configure takes wherever it finds it.
build_fio() (
	progress BUILD "fio for $arch"
	mkdir "$1/fio"
	apt_source fio "$1/fio"
	cd "$1/fio/src"
	logged ../log ./configure --cc="$cc" --extra-cflags="$cflags" --build-static --disable-native --disable-shm \
		--disable-numa --disable-rdma --disable-rados --disable-rbd --disable-http --disable-gfapi \
		--disable-libnfs --disable-pmem --disable-lex --disable-xnvme --disable-libzbc --disable-tcmalloc \
		--disable-dfs
	sed -i 's/^LIBS+=-lz/LIBS+=/; /CONFIG_ZLIB/d' config-host.mak config-host.h
	logged ../log make -j"$(nproc)" fio
	mv fio "$1/bin"
)

# debugfs and e2fsck need all of the libraries, mke2fs and tune2fs most.
build_e2fsprogs() (
	progress BUILD "e2fsprogs for $arch"
	mkdir "$1/e2fsprogs"
	apt_source e2fsprogs "$1/e2fsprogs"
	cd "$1/e2fsprogs/src"
	logged ../log ./configure --host="$host" --sysconfdir=/etc --enable-libuuid --enable-libblkid --disable-nls \
		--disable-fuse2fs --disable-uuidd --disable-fsck --disable-imager --disable-resizer --disable-defrag \
		--disable-backtrace --disable-tdb --without-pthread CC="$cc" CFLAGS="$cflags" LDFLAGS="$ldflags"
	logged ../log make -j"$(nproc)" libs
	logged ../log make -j"$(nproc)" -C misc mke2fs tune2fs
	logged ../log make -j"$(nproc)" -C e2fsck e2fsck
	logged ../log make -j"$(nproc)" -C debugfs debugfs
	mv misc/mke2fs misc/tune2fs e2fsck/e2fsck debugfs/debugfs "$1/bin"
	ln -s mke2fs "$1/bin/mkfs.ext4"
	ln -s e2fsck "$1/bin/fsck.ext4"
)

# Unpacks the binary package PACKAGE into DIR.
unpack_package() (
	mkdir "$2"
	cd "$2"
	if ! apt_run - apt-get download "$1" >/dev/null 2>&1; then
		apt_indexes deb "$2/apt"
		apt_run "$2/apt" apt-get download "$1" >>apt/log 2>&1 ||
			{ tail -n 20 apt/log >&2 && fail "apt cannot get the package $1"; }
	fi
	dpkg-deb -x ./*.deb .
)

# The library wants OpenSSL (five megabytes) and SCTP for what no test does: its references to them go to one function.
build_iperf3() (
	progress BUILD "iperf3 for $arch"
	unpack_package "libiperf-dev:$debian" "$1/iperf3"
	cd "$1/iperf3/usr"
	absent=$("$host-nm" -u "lib/$host/libiperf.a" | sort -u | sed -nE \
		's/^ *U ((BIO|CRYPTO|ERR|EVP|OPENSSL|OSSL|PEM|RSA|SHA256|sctp)_.*)/-Wl,--defsym=\1=iperf3_absent/p')
	# shellcheck disable=SC2086 # lists of words
	logged log "$cc" -std=gnu11 -Wall -Wextra -Werror $cflags $ldflags -Iinclude -o "$1/bin/iperf3" \
		"$here/iperf3.c" "lib/$host/libiperf.a" $absent -lm
)

build() {
	mkdir "$1/bin"
	build_fio "$1"
	build_e2fsprogs "$1"
	build_iperf3 "$1"
	"$host-strip" "$1"/bin/*
	rm -r "$1/fio" "$1/e2fsprogs" "$1/iperf3"
}

# Debian's release stands for its packages' versions, which only apt's indexes would tell.
versions=$(installed "$libc")
key=$(cache_key "$0" "$here/iperf3.c" "$here/apt.sh" /etc/debian_version "$versions" "$($cc -dumpfullversion)")
cache_entry "tools-$arch" "$key" build
