#!/bin/sh
# tools.sh ARCH: builds static programs for tests and prints the cache directory that holds
#   bin/         for guests and emulated hosts: fio  iperf3  mke2fs  e2fsck  tune2fs  debugfs, and the links mkfs.ext4 and
#                fsck.ext4
#   bin-host/    for emulated hosts, where mayfly runs: strace  script  setpriv  pgrep
# Input: Debian's source packages fio, e2fsprogs, strace, util-linux and procps; the static libraries of Debian's
# libiperf-dev and libcap-ng-dev, and iperf3.c beside this script. What is optional in them is left out.
# Exit: 0, or 1 with a line on stderr.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
images=$here/../../images
arch=${1:?usage: tools.sh ARCH}
# shellcheck source=/dev/null
. "$images/progress.sh"
# shellcheck source=/dev/null
. "$images/cache.sh"
# shellcheck source-path=SCRIPTDIR source=../../images/arch.sh
. "$images/arch.sh"
# shellcheck source=/dev/null
. "$images/apt.sh"

cc=${cross}gcc
# One section a function, so that the linker drops what a program does not use. No debugging information: it holds the
# directory's name, which even a stripped program would show by its build ID.
cflags='-O2 -g0 -ffunction-sections -fdata-sections'
ldflags='-static -Wl,--gc-sections'

# Without SysV shared memory, which a small kernel lacks, and zlib, which its configure takes wherever it finds it.
build_fio() (
	mkdir "$1/fio"
	apt_source fio "$1/fio"
	follow BUILD "fio for $arch"
	cd "$1/fio/src"
	logged ../log ./configure --cc="$cc" --extra-cflags="$cflags" --build-static --disable-native --disable-shm \
		--disable-numa --disable-rdma --disable-rados --disable-rbd --disable-http --disable-gfapi \
		--disable-libnfs --disable-pmem --disable-lex --disable-xnvme --disable-libzbc --disable-tcmalloc \
		--disable-dfs
	sed -i 's/^LIBS+=-lz/LIBS+=/; /CONFIG_ZLIB/d' config-host.mak config-host.h
	logged ../log make -j"$(nproc)" fio
	mv fio "$1/bin"
	followed
)

# debugfs and e2fsck need all of the libraries, mke2fs and tune2fs most.
build_e2fsprogs() (
	mkdir "$1/e2fsprogs"
	apt_source e2fsprogs "$1/e2fsprogs"
	follow BUILD "e2fsprogs for $arch"
	cd "$1/e2fsprogs/src"
	logged ../log ./configure --host="$gnu" --sysconfdir=/etc --enable-libuuid --enable-libblkid --disable-nls \
		--disable-fuse2fs --disable-uuidd --disable-fsck --disable-imager --disable-resizer --disable-defrag \
		--disable-backtrace --disable-tdb --without-pthread CC="$cc" CFLAGS="$cflags" LDFLAGS="$ldflags"
	logged ../log make -j"$(nproc)" libs
	logged ../log make -j"$(nproc)" -C misc mke2fs tune2fs
	logged ../log make -j"$(nproc)" -C e2fsck e2fsck
	logged ../log make -j"$(nproc)" -C debugfs debugfs
	mv misc/mke2fs misc/tune2fs e2fsck/e2fsck debugfs/debugfs "$1/bin"
	ln -s mke2fs "$1/bin/mkfs.ext4"
	ln -s e2fsck "$1/bin/fsck.ext4"
	followed
)

# The library wants OpenSSL (five megabytes) and SCTP for what no test does: its references to them go to one function.
build_iperf3() (
	mkdir "$1/iperf3"
	apt_unpack "$1/iperf3" libiperf-dev
	follow BUILD "iperf3 for $arch"
	cd "$1/iperf3/files/usr"
	absent=$("${cross}nm" -u "lib/$gnu/libiperf.a" | sort -u | sed -nE \
		's/^ *U ((BIO|CRYPTO|ERR|EVP|OPENSSL|OSSL|PEM|RSA|SHA256|sctp)_.*)/-Wl,--defsym=\1=iperf3_absent/p')
	# shellcheck disable=SC2086 # lists of words
	logged log "$cc" -std=gnu11 -Wall -Wextra -Werror $cflags $ldflags -Iinclude -o "$1/bin/iperf3" \
		"$here/iperf3.c" "lib/$gnu/libiperf.a" $absent -lm
	followed
)

# With the kernel headers that it brings: it does not compile with newer ones.
build_strace() (
	mkdir "$1/strace"
	apt_source strace "$1/strace"
	follow BUILD "strace for $arch"
	cd "$1/strace/src"
	logged ../log ./configure --host="$gnu" --enable-mpers=no --enable-bundled=yes --disable-gcc-Werror \
		--without-libdw --without-libunwind --without-libiberty CC="$cc" CFLAGS="$cflags" LDFLAGS="$ldflags"
	logged ../log make -j"$(nproc)" -C src
	mv src/strace "$1/bin-host"
	followed
)

# Debian's patches make the files that autotools generated look old.
make_anyway() { logged ../log make -j"$(nproc)" ACLOCAL=: AUTOCONF=: AUTOHEADER=: AUTOMAKE=: "$@"; }

build_util_linux() (
	mkdir "$1/util-linux" "$1/cap-ng"
	apt_source util-linux "$1/util-linux"
	apt_unpack "$1/cap-ng" libcap-ng-dev
	follow BUILD "util-linux for $arch"
	cap_ng=$1/cap-ng/files/usr
	cd "$1/util-linux/src"
	logged ../log ./configure --host="$gnu" --disable-all-programs --enable-scriptutils --enable-setpriv --disable-nls \
		--disable-asciidoc --without-python --disable-shared CC="$cc" CFLAGS="$cflags" \
		CPPFLAGS="-I$cap_ng/include" LDFLAGS="$ldflags -L$cap_ng/lib/$gnu"
	make_anyway script setpriv LDFLAGS="-all$ldflags -L$cap_ng/lib/$gnu"
	mv script setpriv "$1/bin-host"
	followed
)

# Its configure insists on a pkg-config, and then has nothing to ask it.
build_procps() (
	mkdir "$1/procps"
	apt_source procps "$1/procps"
	follow BUILD "procps for $arch"
	cd "$1/procps/src"
	logged ../log ./configure --host="$gnu" --without-ncurses --without-systemd --disable-numa --disable-nls \
		--disable-shared PKG_CONFIG=true CC="$cc" CFLAGS="$cflags" LDFLAGS="$ldflags"
	make_anyway src/pgrep LDFLAGS="-all$ldflags"
	mv src/pgrep "$1/bin-host"
	followed
)

build() {
	mkdir "$1/bin" "$1/bin-host"
	build_fio "$1"
	build_e2fsprogs "$1"
	build_iperf3 "$1"
	build_strace "$1"
	build_util_linux "$1"
	build_procps "$1"
	"${cross}strip" "$1"/bin/* "$1"/bin-host/*
	rm -r "$1/fio" "$1/e2fsprogs" "$1/iperf3" "$1/strace" "$1/util-linux" "$1/cap-ng" "$1/procps"
}

# Debian's release stands for its packages' versions, which only apt's indexes would tell.
versions=$(installed "libc6-dev$dev")
key=$(cache_key "$0" "$here/iperf3.c" "$images/apt.sh" /etc/debian_version "$versions" "$($cc -dumpfullversion)")
cache_entry "tools-$arch" "$key" build
