# shellcheck shell=sh
# tree.sh: builds root file systems in a directory and packs them, without root (sourced after cache.sh).
#
#   tree_busybox DIR         a root file system of static busybox: applets, /etc, mount points; /init is the caller's
#   tree_pack DIR OUT        packs DIR as an uncompressed newc cpio archive; the same tree gives the same bytes

# Where busybox-static puts its program differs between releases.
tree_busybox_program() {
	dpkg -L busybox-static 2>/dev/null | grep -m 1 '/bin/busybox$' || fail 'package busybox-static is not installed'
}

tree_busybox() (
	busybox=$(tree_busybox_program)
	cd "$1" || exit
	mkdir -p bin sbin usr/bin usr/sbin etc root tmp proc sys dev run mnt var
	ln -s ../run var/run
	cp "$busybox" bin/busybox
	"$busybox" --list-full | while read -r applet; do
		[ -e "$applet" ] || ln -s /bin/busybox "$applet"
	done
	printf 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n' >etc/passwd
	printf 'root:x:0:\nnogroup:x:65534:\n' >etc/group
	printf '127.0.0.1 localhost\n::1 localhost\n' >etc/hosts
	printf 'hosts: files dns\n' >etc/nsswitch.conf
	printf '/bin/sh\n/bin/bash\n' >etc/shells
)

# cpio takes times from the files; everything else that varies it is told to leave out.
tree_pack() (
	out=$(realpath "$2")
	cd "$1" || exit
	find . -exec touch -h -d @0 {} +
	find . | LC_ALL=C sort | cpio -o -H newc -R 0:0 --reproducible --quiet >"$out.$$"
	mv "$out.$$" "$out"
)
