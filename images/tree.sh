# shellcheck shell=sh
# tree.sh: builds root file systems in a directory and packs them, without root (sourced after cache.sh, arch.sh and
# apt.sh).
#
#   tree_busybox DIR         a root file system of static busybox: applets, /etc, mount points; /init is the caller's
#   tree_bash DIR            adds a static bash
#   tree_applets             prints busybox's applets, with their directories
#   tree_pack DIR OUT        packs DIR as an uncompressed newc cpio archive; the same tree gives the same bytes

tree_unpack() { apt_unpack "$2" "$1"; }

# tree_program PACKAGE NAME: prints where the program of a package is: installed, or, for another architecture, unpacked
# in the cache. Where in the package differs between releases. The installed one tells the other's version too.
# shellcheck disable=SC2154 # arch.sh's
tree_program() (
	root=
	if [ -n "$cross" ]; then
		version=$(installed "$1")
		entry=$(cache_entry "$1-$arch" "$(cache_key "$version")" tree_unpack "$1")
		root=$entry/files
	fi
	file=$(dpkg -L "$1" 2>/dev/null | grep -m 1 "/bin/$2\$") || fail "package $1 is not installed"
	printf '%s\n' "$root$file"
)

# This machine's own busybox tells them: it can be run here, and is of the same version.
tree_applets() (
	cross=''
	busybox=$(tree_program busybox-static busybox)
	"$busybox" --list-full
)

tree_bash() {
	bash=$(tree_program bash-static bash-static)
	cp "$bash" "$1/bin/bash"
}

tree_busybox() (
	busybox=$(tree_program busybox-static busybox)
	cd "$1" || exit
	mkdir -p bin sbin usr/bin usr/sbin etc root tmp proc sys dev run mnt var
	chmod 1777 tmp
	ln -s ../run var/run
	cp "$busybox" bin/busybox
	tree_applets | while read -r applet; do
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
