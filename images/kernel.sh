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

for fragment in $fragments; do [ -f "$fragment" ] || fail "there is no $fragment"; done

case $arch in
x86_64) images='vmlinux arch/x86/boot/bzImage' target=bzImage ;;
aarch64) images=arch/arm64/boot/Image target=Image ;;
esac

# Nothing of this machine or this moment goes into the image: the same source gives the same bytes.
export KBUILD_BUILD_USER=mayfly KBUILD_BUILD_HOST=mayfly KBUILD_BUILD_VERSION=1
export KBUILD_BUILD_TIMESTAMP='Thu Jan  1 00:00:00 UTC 1970'
export LC_ALL=C

# Changes with the files' sizes and times: to hash a kernel tree's content would take longer than many a build.
source_state() {
	if [ -n "${LINUX_SRC:-}" ]; then
		find "$LINUX_SRC" -name .git -prune -o -type f -printf '%P %s %T@\n' | sort
	else
		installed "$package"
	fi
}

# Nice: three minutes of two busy processors should not keep anyone from working.
kbuild() {
	logged "$work/log" nice -n 10 make -C "$source" O="$work/build" ARCH="$linux_arch" CROSS_COMPILE="$cross" -j"$(nproc)" "$@"
}

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
	options >>"$work/build/.config"
	kbuild olddefconfig
	options | check_config "$work/build/.config"
}

build() {
	work=$1/work
	mkdir -p "$work/build"
	source=${LINUX_SRC:-$work/source}
	if [ -z "${LINUX_SRC:-}" ]; then
		progress UNPACK "$package"
		mkdir "$source"
		tar -xJf "$tarball" -C "$source" --strip-components=1
	fi
	configure
	progress BUILD "guest kernel for $arch${variant:+, ${variant#-}} (some minutes)"
	kbuild "$target"
	cp "$work/build/.config" "$1/config"
	cp "$work/build/System.map" "$1"
	for image in $images; do cp "$work/build/$image" "$1"; done
	[ ! -f "$1/vmlinux" ] || "${cross}strip" --strip-all "$1/vmlinux"
	rm -rf "$work"
}

state=$(source_state)
compiler=$("${cross}gcc" -dumpfullversion)
linker=$("${cross}ld" --version | head -n 1)
key=$(cache_key "$0" "$(options)" "$state" "$compiler" "$linker")
cache_entry "kernel-$arch$variant" "$key" build
