#!/bin/sh
# tools-initramfs.sh ARCH OUT: packs what tests need in a guest beside initramfs.cpio, to be appended to that (archives
# in a row are one initramfs), into OUT, an uncompressed initramfs:
#   usr/bin/             the programs of tests/images/tools.sh, and links to them in place of busybox's applets of those
#                        names
#   modules/NN-NAME.ko   the virtio drivers of Debian's kernel, in the order in which they are to be loaded
# The same inputs give the same bytes. Exit: 0, or 1 with a line on stderr.
set -eu
umask 022

here=$(dirname "$0")
images=$here/../../images
arch=${1:?usage: tools-initramfs.sh ARCH OUT}
out=${2:?usage: tools-initramfs.sh ARCH OUT}
# shellcheck source=/dev/null
. "$images/progress.sh"
# shellcheck source=/dev/null
. "$images/cache.sh"
# shellcheck source=/dev/null
. "$images/arch.sh"
# shellcheck source=/dev/null
. "$images/apt.sh"
# shellcheck source=/dev/null
. "$images/tree.sh"

wanted='virtio_mmio virtio_blk virtio_net'

# The applets' links lie in directories that come first in the path. A link in a later archive replaces them.
copy_tools() {
	mkdir -p "$tree/usr/bin"
	cp -a "$tools/bin/." "$tree/usr/bin"
	for program in "$tools"/bin/*; do
		tree_applets | grep "/${program##*/}\$" | grep -v '^usr/bin/' | while read -r applet; do
			mkdir -p "$tree/$(dirname "$applet")"
			ln -s "/usr/bin/${program##*/}" "$tree/$applet"
		done
	done
}

# Prints the files of the modules, each behind all that it depends on, perhaps more than once. One that has no file is
# part of the kernel. Files and dependencies do not agree on - and _.
load_order() (
	for module in "$@"; do
		file=$(find "$kernel/modules" -name "$(printf '%s\n' "$module" | sed 's/[-_]/[-_]/g').ko")
		[ -n "$file" ] || continue
		# shellcheck disable=SC2046 # a list of words
		load_order $(tr '\0' '\n' <"$file" | LC_ALL=C sed -n 's/^depends=//p' | tr ',' ' ')
		printf '%s\n' "$file"
	done
)

copy_modules() {
	mkdir "$tree/modules"
	n=10
	# shellcheck disable=SC2086 # a list of words
	load_order $wanted | awk '!seen[$0]++' | while read -r file; do
		cp "$file" "$tree/modules/$n-${file##*/}"
		n=$((n + 1))
	done
}

kernel=$("$here/debian-kernel.sh" "$arch")
tools=$("$here/tools.sh" "$arch")
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
copy_tools
copy_modules
chmod 755 "$tree"
tree_pack "$tree" "$out"
