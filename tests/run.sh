#!/bin/sh
# run.sh ARCH: what `make run` shows: a command in a microVM, its output and its exit code; on this machine's KVM, or in
# the lab where that cannot run Linux. Input: the files that `make all kernel rootfs` built.
set -eu

arch=${1:?usage: run.sh ARCH}
here=$(dirname "$0")
files=build/$arch
command='uname -sr; echo "This went to standard error." >&2; exit 42'
case $arch in aarch64) kernel=Image ;; *) kernel=vmlinux ;; esac

printf "\$ mayfly run -k %s -i initramfs.cpio -- sh -c '%s'\n" "$kernel" "$command"
code=0
case $("$here/where.sh" "$arch") in
host)
	echo "(on this machine's KVM)"
	"$files/mayfly" run -k "$files/$kernel" -i "$files/initramfs.cpio" -- sh -c "$command" || code=$?
	;;
lab)
	echo "(in an emulated host: this machine's KVM, if it has one, cannot run Linux; it takes a few seconds)"
	"$here/lab/lab.sh" -a "$arch" -f "$files/mayfly:/mayfly" -f "$files/$kernel:/kernel" \
		-f "$files/initramfs.cpio:/initramfs.cpio" -- \
		/mayfly run -k /kernel -i /initramfs.cpio -- sh -c "$command" || code=$?
	;;
esac
echo "exit code: $code"
[ "$code" = 42 ]
