#!/bin/sh
# deps.sh GROUP...: sees to it that the Debian packages of each GROUP are installed; the table below names the groups.
# Silent when all are there. Otherwise installs the missing ones, as root or through a sudo that asks for no password;
# where neither works, prints the one command to type. Exit: 0 all are installed, 1 they are not.
set -eu

fail() {
	printf 'deps.sh: %s\n' "$*" >&2
	exit 1
}

# For this machine's architecture an emulator; for the other one compiler, headers and emulator.
case $(uname -m) in
aarch64)
	emulator=qemu-system-arm
	cross='gcc-x86-64-linux-gnu libc6-dev-amd64-cross linux-libc-dev-amd64-cross qemu-system-x86'
	;;
*)
	emulator=qemu-system-x86
	cross='gcc-aarch64-linux-gnu libc6-dev-arm64-cross linux-libc-dev-arm64-cross qemu-system-arm'
	;;
esac

# Recommended packages are not installed, so what a tool needs in practice is named here (gcc: libc6-dev).
packages_of() {
	case $1 in
	build) echo gcc libc6-dev make binutils lld musl-tools linux-libc-dev dpkg-dev gperf libseccomp-dev ;;
	kernel) echo gcc libc6-dev make binutils linux-source-6.12 flex bison bc libelf-dev lz4 cpio xz-utils busybox-static ;;
	lab) echo "$emulator" busybox-static cpio xz-utils ;;
	tools) echo bash-static bats cpio gcc libc6-dev make binutils dpkg-dev ;;
	cross) echo "$cross" ;;
	check) echo libcmocka-dev python3 bats clang libclang-rt-dev clang-format shellcheck mandoc cppcheck strace bsdutils \
		util-linux e2fsprogs device-tree-compiler iproute2 nftables procps squashfs-tools erofs-utils fakeroot umoci attr jq ;;
	coverage) echo clang libclang-rt-dev llvm make ;;
	rootdisk) echo e2fsprogs squashfs-tools erofs-utils fakeroot umoci attr skopeo xz-utils zstd ;;
	bench) echo qemu-system-x86 jq gnuplot-nox strace cpio gcc libc6-dev bsdextrautils util-linux ;;
	prove) echo gcc libc6-dev linux-libc-dev frama-c-base why3 z3 cvc4 ;;
	*) fail "unknown group $1 (build, kernel, lab, tools, cross, check, coverage, rootdisk, bench, prove)" ;;
	esac
}

# Prints those of the packages that are not installed. One query for all: this runs at each make.
missing() {
	have=,$(dpkg-query -W -f='${db:Status-Abbrev}${Package},' "$@" 2>/dev/null || :)
	for package in "$@"; do
		case $have in *",ii $package,"*) ;; *) printf '%s ' "$package" ;; esac
	done
}

# The package lists are refreshed only when something is to be installed: those of a fresh machine are empty or old.
install() {
	log=$(mktemp)
	trap 'rm -f "$log"' EXIT
	printf '  %-7s %s\n' INSTALL "$*" >&2
	$as_root apt-get -qq update >"$log" 2>&1 || : # a source that does not answer may not be needed
	$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "$@" >>"$log" 2>&1 ||
		{ tail -n 20 "$log" >&2 && fail 'apt-get install failed'; }
}

[ $# -gt 0 ] || fail 'usage: deps.sh GROUP... (build, kernel, lab, tools, cross, check, coverage, rootdisk, bench, prove)'
needed=
for group in "$@"; do
	wanted=$(packages_of "$group") # an assignment of its own: an unknown group ends the script here
	# shellcheck disable=SC2086 # a list of words, here and below
	needed="$needed$(missing $wanted)"
done
[ -n "$needed" ] || exit 0

if [ "$(id -u)" = 0 ]; then
	as_root=
elif sudo -n true 2>/dev/null; then
	as_root='sudo -n'
else
	fail "packages are missing; install them with: sudo apt-get install -y --no-install-recommends $needed"
fi
# shellcheck disable=SC2086
install $needed
