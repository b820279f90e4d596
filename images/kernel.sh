#!/bin/sh
# kernel.sh ARCH [VARIANT]: builds the guest kernel and prints the cache directory that holds
#   vmlinux      stripped ELF with its PVH note (x86_64)
#   bzImage      the same kernel, packed (x86_64)
#   Image        the kernel, uncompressed (aarch64)
#   System.map   addresses to names: the kernel itself carries no symbol table
#   config       the final configuration
# Input: common.config, ARCH.config and, for a VARIANT, ARCH-VARIANT.config beside this script, of which the last word
# counts; the source from Debian's linux-source package, or from the directory LINUX_SRC, which is not written to. Exit: 0,
# or 1 with a line on stderr.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
arch=${1:?usage: kernel.sh ARCH [VARIANT]} variant=${2:+-$2}
# shellcheck source=/dev/null
. "$here/progress.sh"
# shellcheck source=/dev/null
. "$here/cache.sh"
# shellcheck source-path=SCRIPTDIR source=arch.sh
. "$here/arch.sh"

package=linux-source-6.12
tarball=/usr/src/$package.tar.xz
fragments="$here/common.config $here/$arch.config${variant:+ $here/$arch$variant.config}"
title="guest kernel for $arch${variant:+, ${variant#-}}"

for fragment in $fragments; do [ -f "$fragment" ] || fail "there is no $fragment"; done

case $arch in
x86_64) images='vmlinux arch/x86/boot/bzImage' target=bzImage ;;
aarch64) images=arch/arm64/boot/Image target=Image ;;
esac

# Nothing of this machine or this moment goes into the image: the same source gives the same bytes.
export KBUILD_BUILD_USER=mayfly KBUILD_BUILD_HOST=mayfly KBUILD_BUILD_VERSION=1
export KBUILD_BUILD_TIMESTAMP='Thu Jan  1 00:00:00 UTC 1970'
export LC_ALL=C
# What the make that calls this was told is not for the kernel's.
unset MAKEFLAGS MFLAGS

# Changes with the files' sizes and times: to hash a kernel tree's content would take longer than many a build.
source_state() {
	if [ -n "${LINUX_SRC:-}" ]; then
		find "$LINUX_SRC" -name .git -prune -o -type f -printf '%P %s %T@\n' | sort
	else
		installed "$package"
	fi
}

# What is not unpacked, two thirds of the source: code that no kernel here has. Kconfig and make want their own files
# of all directories. Who turns on an option whose code is among these takes it off the list.
left_out() {
	for other in alpha arc csky hexagon loongarch m68k microblaze mips nios2 openrisc parisc powerpc riscv s390 sh sparc \
		um xtensa; do
		printf '%s/*.[chS]\n' "arch/$other"
	done
	printf '%s\n' 'arch/*.dts' 'arch/*.dtsi' 'Documentation/*.rst' 'Documentation/*.svg' 'Documentation/*.txt' \
		'Documentation/*.yaml' 'tools/perf/*' 'tools/testing/*'
	for directory in drivers/gpu drivers/infiniband drivers/media drivers/net/ethernet drivers/net/wireless drivers/scsi \
		drivers/staging sound; do
		printf '%s/*.[ch]\n' "$directory"
	done
}

# A line in the log is 25.6 MB of the archive.
unpacked() { echo "$(($(grep -c '' "$work/log") * 256 / 10)) $1 MB"; }

unpack() {
	follow UNPACK "$package" unpacked "$(xz --robot --list "$tarball" | awk '$1 == "totals" { print int($5 / 1e6) }')"
	mkdir "$source"
	left_out | sed "s#^#$package/#" >"$work/left-out"
	logged "$work/log" tar -I 'xz -T0' -xf "$tarball" -C "$source" --strip-components=1 --anchored -X "$work/left-out" \
		--checkpoint=2500 --checkpoint-action=echo
	followed
}

# ccache, where it is installed, makes the next build after an interrupted one or another recipe quick. It takes what a
# file includes from the compiler: to run the preprocessor for that cost half of the compiler's own time.
# (The kernel for functions shares nothing with the other: every file is compiled with other options.)
compiler_cache() {
	! command -v ccache >/dev/null || echo "CC=ccache ${cross}gcc"
}
# shellcheck disable=SC2154 # cache.sh's
export CCACHE_DIR="$cache_root/.ccache" CCACHE_MAXSIZE=1G CCACHE_DEPEND=1

# Nice: three minutes of two busy processors should not keep anyone from working.
kbuild() {
	cc=$(compiler_cache)
	logged "$work/log" nice -n 10 make -C "$source" O="$objects" ARCH="$linux_arch" CROSS_COMPILE="$cross" ${cc:+"$cc"} \
		-j"$(nproc)" "$@"
}

# The estimate is kept in the fragment: a comment there, so that it can be put right without another build.
compiled() { echo "$(grep -cE '^  (CC|AS) ' "$work/log") ~$(sed -n 's/^# Files to compile: //p' "$here/$arch.config") files"; }

# The options of all fragments, the last word on each: comments alone are no reason for another build.
options() {
	# shellcheck disable=SC2086 # a list of files
	sed -nE '/^CONFIG_/p; /^# CONFIG_.* is not set$/p' $fragments |
		awk '{ name = /^#/ ? $2 : $1; sub(/=.*/, "", name); said[name] = $0 } END { for (name in said) print said[name] }' | sort
}

# An option that asks for what its dependencies rule out vanishes without a word from olddefconfig.
check_config() {
	while IFS= read -r line; do
		case $line in
		CONFIG_*) grep -qxF -e "$line" "$1" || echo "$line" ;;
		'# CONFIG_'*' is not set')
			name=${line#'# '}
			! grep -q "^${name%' is not set'}=" "$1" || echo "$line"
			;;
		esac
	done >"$work/refused"
	[ ! -s "$work/refused" ] || fail "options that did not take effect: $(tr '\n' ';' <"$work/refused")"
}

configure() {
	kbuild tinyconfig
	options >>"$objects/.config"
	kbuild olddefconfig
	options | check_config "$objects/.config"
}

# Objects below the source: its paths, which the compiler is given, are relative then, wherever it lies.
build() {
	work=$1/work
	source=${LINUX_SRC:-$work/source}
	mkdir "$work"
	: >"$work/log"
	if [ -z "${LINUX_SRC:-}" ]; then unpack; fi
	objects=${LINUX_SRC:+$work/build}
	objects=${objects:-$source/build}
	mkdir "$objects"
	follow BUILD "$title" compiled
	configure
	kbuild "$target"
	cp "$objects/.config" "$1/config"
	cp "$objects/System.map" "$1"
	for image in $images; do cp "$objects/$image" "$1"; done
	[ ! -f "$1/vmlinux" ] || "${cross}strip" --strip-all "$1/vmlinux"
	rm -rf "$work"
	followed
}

state=$(source_state)
compiler=$("${cross}gcc" -dumpfullversion)
linker=$("${cross}ld" --version | head -n 1)
key=$(cache_key "$(grep -v '^[[:space:]]*#' "$0")" "$(options)" "$state" "$compiler" "$linker")
cache_entry "kernel-$arch$variant" "$key" build
