#!/bin/sh
# debian-kernel.sh ARCH: fetches Debian's unmodified cloud kernel and prints the cache directory that holds
#   vmlinuz    the image as distributed: the lab's host kernel, and a guest that nobody tailored to mayfly
#   config     its configuration
#   modules/   its modules: modules/kernel/... (modules.dep is made by an installation, so there is none)
# Nothing is installed. Exit: 0, or 1 with a line on stderr.
set -eu

images=$(dirname "$0")/../../images
arch=${1:?usage: debian-kernel.sh ARCH}
# shellcheck source=/dev/null
. "$images/progress.sh"
# shellcheck source=/dev/null
. "$images/cache.sh"
# shellcheck source-path=SCRIPTDIR source=../../images/arch.sh
. "$images/arch.sh"
# shellcheck source=/dev/null
. "$images/apt.sh"

meta=linux-image-cloud

fetch() {
	apt_unpack "$1" "@$meta-$debian"
	cd "$1"
	mv files/boot/vmlinuz-* vmlinuz
	mv files/boot/config-* config
	mv files/lib/modules/*/ modules
	find modules -name '*.xz' -exec xz -d {} + # newer releases compress them, and busybox's insmod takes them as they are
	rm -r files
}

version=$(apt_meta_version "$meta-$(dpkg --print-architecture)")
key=$(cache_key "$0" "$images/apt.sh" "$version")
cache_entry "debian-kernel-$arch" "$key" fetch
