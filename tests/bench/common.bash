# shellcheck shell=bash
# common.bash: what the benchmarks in the lab share (sourced; $here is this directory, $work one of their own, both
# set).
#
#   say TEXT...          a line on stderr
#   compile NAME         builds NAME.c of this directory, static, as $work/NAME
#   qemu_tree DIR        puts the distribution's QEMU with its libraries and firmware into DIR
#   initrd_of PROGRAM OUT   an initramfs with nothing but PROGRAM, as /init
#   prepare              makes what in_lab takes
#   in_lab SCRIPT [OPTION...] -- [ARGUMENT...]   runs SCRIPT of this directory in the lab that counts instructions,
#                        with the launcher, the kernels, stamp, first and QEMU in /, as lab.bash expects them; OPTION...
#                        are lab.sh's
#
# A benchmark's script in the lab writes lines of JSON to standard output, which the benchmark makes one object of.

# shellcheck disable=SC2154 # the variables said above
files=build/x86_64

say() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }

compile() { "$files/musl/bin/cc" -std=gnu11 -Wall -Wextra -Werror -O2 -static -s -o "$work/$1" "$here/$1.c"; }

qemu_tree() {
	mkdir -p "$1/lib" "$1/share"
	cp "$(command -v qemu-system-x86_64)" "$1/qemu"
	ldd "$1/qemu" | grep -oE '/[^ ]+' | xargs cp -Lt "$1/lib"
	cp -L /usr/share/qemu/{qboot.rom,kvmvapic.bin} "$1/share"
}

initrd_of() {
	mkdir "$2.tree"
	cp "$1" "$2.tree/init"
	(cd "$2.tree" && echo init | cpio -o -H newc -R 0:0 --quiet) >"$2"
}

prepare() {
	compile stamp
	compile first
	initrd_of "$work/first" "$work/plain.cpio"
	qemu_tree "$work/qemu"
}

in_lab() {
	local script=$1 options=()
	for file in mayfly vmlinux bzImage; do options+=(-f "$files/$file"); done
	for file in stamp first plain.cpio qemu; do options+=(-f "$work/$file"); done
	shift
	while [ "$1" != -- ]; do
		options+=("$1")
		shift
	done
	shift
	"$here/../lab/lab.sh" -i -x "${options[@]}" -f "$here/lab.bash" -f "$here/$script" -- bash "/$script" "$@"
}
