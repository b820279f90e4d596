#!/bin/sh
# rootdisk.sh [-t ext4|squashfs|erofs] [-s SIZE] [-o OUT] SOURCE: makes a root disk for `mayfly run --root OUT`, without
# root's rights and without mounting anything. SOURCE is
#   a directory           what belongs to you becomes root's, all else keeps its owner
#   a tar archive         of `docker export`, say; compressed or not, recognised by content
#   an OCI directory      also with :TAG, if it has several
#   a reference           docker://alpine:3.20, docker-archive:FILE and what else skopeo can copy
# SIZE (ext4 alone; 512M, 4G) is the disk's; without it the content fits and a quarter more, and 64 MiB.
# OUT is SOURCE's name with TYPE as its ending, in the working directory; a file of that name is replaced, when all is
# done. The same content gives the same bytes. The disk's own dates are those of the newest file; with SOURCE_DATE_EPOCH
# set, all dates are that. Owners, modes, device nodes and hard links are kept; extended attributes (file capabilities)
# are not. Of an OCI image, device nodes become empty files, and symbolic links root's, as do files and directories that
# their owner may not write, unless root runs this: umoci cannot do better.
# Exit: 0, or 1 with a line on stderr.
set -eu

# shellcheck source-path=SCRIPTDIR source=progress.sh
. "$(dirname "$0")/progress.sh"
PATH=$PATH:/usr/sbin:/sbin # where an ordinary user's does not look for mke2fs
export LC_ALL=C

# One line for whatever a noisy program did not like; what it means where we know.
explain() {
	case $(cat "$work/log") in
	*'No space left on device'*) fail "no room in $place (make some, or give -o FILE on a larger file system)" ;;
	*"contains '..'"*) fail "$source has paths that lead out of it, by '..' (look with: tar -tf)" ;;
	*'not look like a tar archive'*) fail "$source is no tar archive (give a directory, a tar archive or an OCI directory)" ;;
	*'Unexpected EOF'* | *'unexpected end of'*) fail "$source is cut short (fetch it again)" ;;
	*': Cannot exec'*) fail "$source: $(grep -m 1 'Cannot exec' "$work/log") (install the program)" ;;
	*'Could not allocate'* | *'not enough space'*) fail "$source does not fit in ${size:-the size} (give a larger -s)" ;;
	*'Permission denied'*) fail "$source: $(grep -m 1 'Permission denied' "$work/log") (make it readable)" ;;
	esac
	last=$(grep -v '^[[:space:]]*$' "$work/log" | tail -n 1 | tr -s '[:blank:]' ' ')
	fail "$1 cannot do its part with $source (it says: $last)"
}

# step PROGRAM COMMAND...: runs a noisy command, which is PROGRAM's.
step() {
	program=$1
	shift
	"$@" >"$work/log" 2>&1 || explain "$program"
}

# really COMMAND...: with files as they are, not as fakeroot shows them.
really() { env -u LD_PRELOAD "$@"; }

needs() {
	command -v "$1" >/dev/null || fail "there is no $1 (images/deps.sh rootdisk installs the package $2)"
}

cleanup() {
	# Directories that nobody may write are part of many a file system.
	[ ! -d "$work/tree" ] || chmod -R u+rwX "$work/tree"
	rm -rf "$work"
}

kind_of() {
	case $1 in
	docker://* | docker-archive:* | docker-daemon:* | oci-archive:* | containers-storage:*) echo reference ;;
	*)
		if [ -f "$1/oci-layout" ] || [ -f "${1%:*}/oci-layout" ]; then
			echo oci
		elif [ -d "$1" ]; then
			echo directory
		elif [ -f "$1" ]; then
			echo tar
		else
			[ -e "$1" ] || fail "cannot find $1 (give a directory, a tar archive or an OCI directory)"
			fail "$1 is neither a directory nor a file (give a directory, a tar archive or an OCI directory)"
		fi
		;;
	esac
}

# OUT when none was given: a name, not a path.
default_out() {
	case $kind in
	reference) name=${1#*:} ;;
	oci) name=$(realpath -q "$1") || name=$(realpath "${1%:*}") ;;
	*) name=$(realpath "$1") ;;
	esac
	name=${name##*/}
	name=${name%%:*}
	for ending in .gz .xz .zst .bz2 .tar .tgz .txz; do name=${name%"$ending"}; done
	printf '%s.%s\n' "${name:-root}" "$type"
}

# Prints SIZE in blocks of 4 KiB.
blocks_of() {
	number=${1%[KMG]}
	case $number in '' | *[!0-9]* | ??????????*) fail "'$1' is no size (give one like 512M or 4G)" ;; esac
	case $1 in
	*K) echo $((number / 4)) ;;
	*M) echo $((number * 256)) ;;
	*G) echo $((number * 262144)) ;;
	*) echo $((number / 4096)) ;;
	esac
}

# What an archive has no entry for, directories on the way to others, has the time of now: it gets that of the disk.
# (Two stamps tell it: an archive is older than the first, or from the future.)
unpacked() {
	touch "$work/end"
	# As root could read what nobody may: fakeroot's chmod remembers the mode, and leaves us our access.
	# shellcheck disable=SC2016 # that shell's
	find "$tree" \( -type d ! -perm -500 -o -type f ! -perm -400 \) -exec \
		sh -c 'chmod "$(stat -c %a "$1")" "$1"' sh {} \;
	epoch=$(epoch_of \( ! -newer "$work/begin" -o -newer "$work/end" \))
	find "$tree" -newer "$work/begin" ! -newer "$work/end" -exec touch -h -d "@$epoch" {} +
}

unpack_tar() {
	[ -s "$source" ] || fail "$source is empty (give a directory, a tar archive or an OCI directory)"
	step tar tar -x -p --numeric-owner -f "$(realpath "$source")" -C "$tree"
	if [ -f "$tree/manifest.json" ] && { [ -f "$tree/repositories" ] || [ -f "$tree/oci-layout" ]; }; then
		fail "$source holds an image's layers, not a file system (give docker-archive:$source, or use docker export)"
	fi
}

# The tag, if the image has but one.
only_tag() {
	tags=$(really umoci ls --layout "$1")
	case $(printf '%s' "$tags" | grep -c '') in
	1) printf '%s\n' "$tags" ;;
	*) fail "$1 has not one tag but: $(printf '%s' "$tags" | tr '\n' ' ')(give $1:TAG)" ;;
	esac
}

# umoci keeps owners, which it may not set, in an attribute: a protocol buffer of two numbers, 1 the user, 2 the group;
# of -1 is said that it is nobody's but root's. A file a pair of owners, with names that end in NUL.
owners_of_umoci() {
	really getfattr -R -P -h -d -m '^user.rootlesscontainers$' -e hex . | awk -v dir="$1" '
		BEGIN { for (i = 0; i < 512; i++) byte[sprintf("\\%03o", i)] = sprintf("%c", i) }
		function digit(c) { return index("0123456789abcdef", c) - 1 }
		/^# file: / {
			rest = substr($0, 9)
			for (name = ""; match(rest, /\\[0-7][0-7][0-7]/); rest = substr(rest, RSTART + 4))
				name = name substr(rest, 1, RSTART - 1) byte[substr(rest, RSTART, 4)]
			name = name rest
		}
		sub(/^user.rootlesscontainers=0x/, "") {
			owner[1] = owner[2] = field = 0
			for (i = 1; i < length($0); i += 2) {
				value = digit(substr($0, i, 1)) * 16 + digit(substr($0, i + 1, 1))
				if (!field) { field = int(value / 8); scale = 1; continue }
				owner[field] += value % 128 * scale
				scale *= 128
				if (value < 128) field = 0
			}
			for (i in owner) if (owner[i] == 4294967295) owner[i] = 0
			printf "./%s%c", name, 1 >(dir "/" sprintf("%.0f:%.0f", owner[1], owner[2]))
		}'
}

unpack_oci() {
	reference=${1:-$source}
	if [ -f "$reference/oci-layout" ]; then
		tag=$(only_tag "$reference")
		reference=$reference:$tag
	fi
	really setfattr -n user.mayfly -v 1 "$tree" 2>/dev/null ||
		fail "$place keeps no extended attributes, which umoci needs (give -o FILE on ext4, btrfs or xfs)"
	rmdir "$tree"
	step umoci really umoci raw unpack --rootless --image "$reference" "$tree"
	mkdir "$work/owned"
	cd "$tree"
	owners_of_umoci "$work/owned"
	for list in "$work/owned"/*; do
		[ -f "$list" ] || continue
		tr '\001' '\000' <"$list" >"$work/names"
		step chown xargs -0 -a "$work/names" chown -h "${list##*/}"
	done
	cd "$OLDPWD"
}

unpack_reference() {
	progress FETCH "$source"
	step skopeo really skopeo copy "$source" "oci:$work/oci:latest"
	unpack_oci "$work/oci:latest"
}

take_directory() {
	tree=$(realpath "$source")
	case $place/ in "$tree"/*) fail "$out lies in $source, and would hold itself (give -o FILE elsewhere)" ;; esac
	epoch=$(epoch_of)
	me=${ROOTDISK_USER:-0}
	[ "$me" = 0 ] || step chown find "$tree" -user "$me" -exec chown -h 0:0 {} +
}

# epoch_of [CONDITION...]: the time of the newest file that fulfils it. Never 0, which means "now" to mke2fs.
epoch_of() {
	epoch=${SOURCE_DATE_EPOCH:-$(find "$tree" "$@" -printf '%T@\n' 2>/dev/null | sort -n | tail -n 1)}
	epoch=${epoch%%.*}
	[ "${epoch:-0}" -gt 0 ] || epoch=1
	echo "$epoch"
}

# A UUID that stands for the content. (What cannot be read is noticed here, at the latest.)
uuid_of() {
	{
		tar -C "$tree" --sort=name --format=gnu --numeric-owner ${SOURCE_DATE_EPOCH:+"--mtime=@$epoch"} -c . 2>"$work/log" ||
			: >"$work/unread"
	} | sha256sum | sed -E 's/^(.{8})(.{4}).(.{3}).(.{3})(.{12}).*/\1-\2-8\3-8\4-\5/'
	[ ! -e "$work/unread" ] || explain tar
}

# Prints the blocks of files and directories, and the inodes.
content() {
	find "$tree" -printf '%y %s\n' | awk '
		$1 == "f" || $1 == "d" { blocks += int(($2 + 4095) / 4096) }
		$1 == "l" && $2 > 59 { blocks++ }
		END { printf "%d %d\n", blocks, NR }'
}

# mke2fs gives files the times of now for those of their last change of status and of reading, and the root directory no
# mode at all. All inodes in use are the first ones: it creates them in order.
settle_ext4() {
	used=$(dumpe2fs -h "$image" 2>/dev/null | awk -F: '/^Inode count/ { n = $2 } /^Free inodes/ { n -= $2 } END { print n }')
	{
		stat -c 'sif <2> mode 0x%f
sif <2> uid %u
sif <2> gid %g
sif <2> mtime @%Y' "$tree"
		awk -v used="$used" -v epoch="$epoch" -v all="${SOURCE_DATE_EPOCH:+mtime}" 'BEGIN {
			times = split("ctime atime " all, time, " ")
			for (i = 2; i <= used; i = i < 11 ? 11 : i + 1)
				for (t = 1; t <= times; t++) printf "sif <%d> %s @%s\n", i, time[t], epoch
		}'
	} >"$work/script"
	debugfs -w -f "$work/script" "$image" 2>"$work/log" >/dev/null
	! sed 1d "$work/log" | grep -q . || explain debugfs
}

# All is said here, so that no machine's /etc/mke2fs.conf changes it. Features are those that Linux has had since 4.x.
make_ext4() {
	# shellcheck disable=SC2046 # two words
	set -- $(content)
	data=$1 inodes=$(($2 + $2 / 4 + 1024))
	least=$((data + data / 64 + inodes / 16 + 2560)) # a small journal, and room for the group descriptors to grow
	total=$((least + data / 4 + 16384 + 3072))
	[ -z "$size" ] || total=$(blocks_of "$size")
	total=$(((total + 255) / 256 * 256))
	[ "$total" -ge "$least" ] ||
		fail "$source does not fit in $size (give -s $((least / 256 + 1))M or more, or no -s)"
	features=has_journal,ext_attr,dir_index,filetype,extent,64bit,flex_bg,sparse_super,large_file,huge_file
	features=$features,dir_nlink,extra_isize,metadata_csum,resize_inode
	journal=4
	[ "$total" -lt 32768 ] || journal=16
	truncate -s "$((total * 4))K" "$image"
	export MKE2FS_CONFIG=/dev/null E2FSPROGS_FAKE_TIME="$epoch"
	step mke2fs mke2fs -q -F -t ext4 -b 4096 -I 256 -N "$inodes" -m 0 -J size=$journal \
		-O "none,$features" \
		-U "$uuid" -E "hash_seed=$uuid,root_owner=0:0,assume_storage_prezeroed=1" -d "$tree" "$image" "$total"
	settle_ext4
}

make_squashfs() {
	step mksquashfs env -u SOURCE_DATE_EPOCH mksquashfs "$tree" "$image" -noappend -no-progress \
		-exit-on-error -no-xattrs -comp zstd -mkfs-time "$epoch" ${SOURCE_DATE_EPOCH:+-all-time "$epoch"}
}

# It takes SOURCE_DATE_EPOCH for the latest date that there may be, -T for the only one.
make_erofs() {
	dates=SOURCE_DATE_EPOCH=$epoch all=''
	[ -z "${SOURCE_DATE_EPOCH:-}" ] || dates=-uSOURCE_DATE_EPOCH all=-T$epoch
	step mkfs.erofs env "$dates" mkfs.erofs -zlz4hc -x-1 -U "$uuid" ${all:+"$all"} "$image" "$tree"
}

usage='usage: rootdisk.sh [-t ext4|squashfs|erofs] [-s SIZE] [-o OUT] SOURCE'
type=ext4 size='' out=''
while getopts :t:s:o: option; do
	case $option in
	t) type=$OPTARG ;;
	s) size=$OPTARG ;;
	o) out=$OPTARG ;;
	*) fail "$usage" ;;
	esac
done
shift $((OPTIND - 1))
source=${1:-}
case $#$source in 1?*) ;; *) fail "$usage" ;; esac
case $type in
ext4) needs mke2fs e2fsprogs && needs debugfs e2fsprogs ;;
squashfs) needs mksquashfs squashfs-tools ;;
erofs) needs mkfs.erofs erofs-utils ;;
*) fail "unknown type '$type' (ext4, squashfs, erofs)" ;;
esac
[ "$type" = ext4 ] || [ -z "$size" ] || fail "-s is for ext4: a $type is as large as its content (leave it out)"
[ -z "$size" ] || blocks_of "$size" >/dev/null
case ${SOURCE_DATE_EPOCH:-0} in *[!0-9]*) fail "SOURCE_DATE_EPOCH is no number (give seconds since 1970)" ;; esac
kind=$(kind_of "$source")
needs fakeroot fakeroot
case $kind in reference) needs skopeo skopeo ;; esac
case $kind in reference | oci) needs umoci umoci && needs getfattr attr ;; esac

[ -n "$out" ] || out=$(default_out "$source")
[ ! -e "$out" ] || [ -f "$out" ] || fail "$out is no regular file (give -o FILE)"
place=$(realpath "$(dirname "$out")" 2>/dev/null) || :
[ -d "$place" ] || fail "there is no directory for $out (make it first)"

# From here on under fakeroot, for which files have the owners, modes and devices that were given to them. Files that
# were given none are root's, but those of a directory belong to whom they belong.
if [ -z "${FAKEROOTKEY:-}" ]; then
	ROOTDISK_USER=$(id -u)
	export ROOTDISK_USER FAKEROOTDONTTRYCHOWN=1
	unknown=''
	[ "$kind" != directory ] || unknown=-u
	exec fakeroot $unknown -- "$0" -t "$type" ${size:+-s "$size"} -o "$out" -- "$source"
fi

work=$place/.${out##*/}.partial
[ ! -d "$work" ] || fail "somebody else is making $out (if not, it was interrupted: rm -r $work)"
mkdir "$work" 2>/dev/null || fail "cannot write to $place (give -o FILE elsewhere)"
trap cleanup EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

tree=$work/tree image=$work/image
case $kind in
directory) take_directory ;;
*)
	touch "$work/begin" "$work/end"
	# The file system's clock ticks some hundred times a second; what comes now must be newer.
	until find "$work/end" -newer "$work/begin" | grep -q .; do touch "$work/end"; done
	mkdir "$tree"
	"unpack_$kind"
	unpacked
	;;
esac
uuid=$(uuid_of)
progress BUILD "$out ($type)"
"make_$type"
mv -f "$image" "$out"
