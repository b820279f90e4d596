#!/bin/sh
# deps.sh GROUP...: sees to it that the Debian packages of each GROUP are installed; the table below names the groups.
# Silent when all are there. Otherwise installs the missing ones, as root or through a sudo that asks for no password;
# where neither works, prints the one command to type. Two of these, and apt run by others, wait for one another. Exit:
# 0 all are installed, 1 they are not.
set -eu

# shellcheck source-path=SCRIPTDIR source=progress.sh
. "$(dirname "$0")/progress.sh"

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

# Recommended packages are not installed, so what a tool needs in practice is named here (gcc: libc6-dev). With a
# question mark, one that is installed with others, where apt knows it.
packages_of() {
	case $1 in
	build) echo gcc libc6-dev make binutils lld musl-tools linux-libc-dev dpkg-dev gperf libseccomp-dev ;;
	kernel) echo gcc libc6-dev make binutils linux-source-6.12 flex bison bc libelf-dev lz4 cpio xz-utils busybox-static \
		'ccache?' ;;
	lab) echo "$emulator" busybox-static cpio xz-utils ;;
	tools) echo bash-static bats cpio gcc libc6-dev make binutils dpkg-dev ;;
	cross) echo "$cross" ;;
	check) echo libcmocka-dev perl python3 bats clang libclang-rt-dev clang-format shellcheck mandoc cppcheck strace zstd bsdutils \
		util-linux e2fsprogs device-tree-compiler iproute2 nftables procps squashfs-tools erofs-utils fakeroot umoci attr jq ;;
	coverage) echo clang libclang-rt-dev llvm make ;;
	rootdisk) echo e2fsprogs squashfs-tools erofs-utils fakeroot umoci attr skopeo xz-utils zstd ;;
	bench) echo qemu-system-x86 jq gnuplot-nox strace cpio gcc libc6-dev bsdextrautils util-linux ;;
	prove) echo gcc libc6-dev linux-libc-dev frama-c-base why3 z3 cvc4 ;;
	*) fail "unknown group $1 (build, kernel, lab, tools, cross, check, coverage, rootdisk, bench, prove)" ;;
	esac
}

# Prints those of the packages that are not installed. The first letter is what apt is to do with one: `h` is to leave
# it as it is. One query for all: this runs at each make.
missing() {
	have=,$(dpkg-query -W -f='${db:Status-Abbrev}${Package},' "$@" 2>/dev/null || :)
	for package in "$@"; do
		case $have in *,?"i $package,"*) ;; *) printf '%s ' "$package" ;; esac
	done
}

# wanted GROUP...: the packages of the groups. An unknown group ends the script: call this in an assignment of its own.
wanted() {
	for group in "$@"; do
		words=$(packages_of "$group")
		# shellcheck disable=SC2086 # a list of words
		printf '%s\n' $words
	done
}

# shellcheck disable=SC2046 # lists of words, here and below
needed() { missing $(printf '%s\n' "$wanted" | grep -v '?' | sort -u); }

# shellcheck disable=SC2046
useful() {
	for package in $(missing $(printf '%s\n' "$wanted" | sed -n 's/?$//p' | sort -u)); do
		! apt-cache show "$package" >/dev/null 2>&1 || printf '%s ' "$package"
	done
}

# With MAYFLY_STEP it would be ended where this script was killed, and dpkg in the middle of a package with it.
apt_as_root() { $as_root env -u MAYFLY_STEP LC_ALL=C DEBIAN_FRONTEND=noninteractive "$@" 7<&-; }

# The package lists are refreshed only when something is to be installed: those of a fresh machine are empty or old. A
# source that does not answer may not be needed. For another apt that is at work on the lists, apt itself does not wait.
update() {
	until apt_as_root apt-get -qq update >"$work/log" 2>&1; do
		grep -q 'Could not get lock' "$work/log" || break
		sleep 1
	done
}

# apt tells in lines what it does: dlstatus:NUMBER:PERCENT:TEXT while it downloads, then pmstatus:PACKAGE:PERCENT:TEXT.
installing() {
	size=$(sed -n 's/^Need to get \([0-9,.]*\).* \([kM]\?B\).*/\1 \2/p' "$work/log" | tr -d ,)
	tail -n 1 "$work/status" | awk -F: -v size="$size" '{ percent = int($3) }
		$1 == "dlstatus" { split(size, s, " "); all = s[2] == "MB" ? s[1] : 1; printf "%d %d MB", all * percent / 100, all }
		$1 == "pmstatus" { print percent, 100, "% installed" }'
}

# sudo closes all descriptors but three.
# shellcheck disable=SC2016 # expanded by the other shell
try_install() {
	apt_as_root sh -c 'exec apt-get install -q -y --no-install-recommends -o DPkg::Lock::Timeout=900 -o APT::Status-Fd=3 "$@" 3>"$0"' \
		"$work/status" "$@" >"$work/log" 2>&1
}

# A dpkg that was interrupted, by a kill or a power failure, is to be told to go on first.
install() {
	try_install "$@" && return
	grep -q 'dpkg --configure -a' "$work/log" || return
	apt_as_root dpkg --configure -a >"$work/log" 2>&1 && try_install "$@"
}

explain() {
	reason=$(sed -n 's/^E: //p' "$work/log" | head -n 1)
	follow_stop
	case $reason in
	*'Unable to locate'* | *'Failed to fetch'* | *'Unable to fetch'* | *'no installation candidate'*)
		fail "apt cannot fetch packages: $reason (is there a network? apt-get update says more)" ;;
	*'enough free space'* | *'No space left'*) fail "the disk is full: $reason" ;;
	esac
	tail -n 20 "$work/log" >&2
	fail "apt-get install failed${reason:+: $reason}"
}

[ $# -gt 0 ] || fail 'usage: deps.sh GROUP... (build, kernel, lab, tools, cross, check, coverage, rootdisk, bench, prove)'
wanted=$(wanted "$@")
needed=$(needed)
[ -n "$needed" ] || exit 0

command -v apt-get >/dev/null || fail "there is no apt-get; this needs Debian's packages: $needed"
if [ "$(id -u)" = 0 ]; then
	as_root=
elif sudo -n true 2>/dev/null; then
	as_root='sudo -n'
else
	fail "packages are missing; install them as root: apt-get install -y --no-install-recommends $needed"
fi

# One at a time. While this one waited, another may have installed what is needed.
exec 7</var/lib/dpkg
flock -n 7 || { progress WAIT 'another installation of packages' && flock 7; }
needed=$(needed)
[ -n "$needed" ] || exit 0

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
: >"$work/status"
progress NEED "${needed% }"
follow INSTALL "$(echo "$needed" | wc -w) packages" installing
update
# shellcheck disable=SC2046,SC2086 # lists of words
install $needed $(useful) || explain
followed
