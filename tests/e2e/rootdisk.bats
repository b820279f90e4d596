# Root disks, made by images/rootdisk.sh as an ordinary user; looked into with each file system's own tools. Needs no
# KVM.
load helpers

# Where that user may write: bats' own directories are root's alone.
setup_file() {
	shared=$(mktemp -d "${TMPDIR:-/tmp}/rootdisk-test.XXXXXX")
	export shared
	chmod 755 "$shared"
	mkdir "$shared/in" "$shared/images"
	cp "$BATS_TEST_DIRNAME/../../images/rootdisk.sh" "$BATS_TEST_DIRNAME/../../images/progress.sh" "$shared/images"
	fakeroot sh "$BATS_TEST_DIRNAME/rootdisk_inputs.sh" "$shared/in"
	chmod -R a+rX "$shared"
}

teardown_file() { rm -rf "$shared"; }

setup() {
	PATH=$PATH:/usr/sbin:/sbin
	mine=$shared/$BATS_TEST_NUMBER
	mkdir "$mine"
	[ "$(id -u)" != 0 ] || chown 65534:65534 "$mine"
	cd "$mine"
	in=$shared/in
	as_user=''
	[ "$(id -u)" != 0 ] || as_user='setpriv --reuid 65534 --regid 65534 --clear-groups'
}

teardown() { rm -rf "$mine" ${elsewhere:+"$elsewhere"}; }

user() { $as_user env HOME="$mine" TMPDIR="$mine" "$@"; }

# make ARG...: rootdisk.sh must succeed, and leave nothing but its result.
make() {
	run --separate-stderr user "$shared/images/rootdisk.sh" "$@"
	ended 0
	is '' "$output"
	is '' "$(ls -A | grep partial)"
}

# refused TEXT... -- ARG...: it must fail, with one line that has each TEXT and a fix, and leave nothing.
refused() {
	local texts=() text before
	while [ "$1" != -- ]; do texts+=("$1") && shift; done
	shift
	before=$(ls -A)
	run --separate-stderr user "$shared/images/rootdisk.sh" "$@"
	ended 1
	stderr=$(printf '%s\n' "$stderr" | grep -vE '^ *(BUILD|FETCH) +')
	is 1 "$(printf '%s\n' "$stderr" | wc -l)"
	is "rootdisk.sh: " "${stderr:0:13}"
	is ")" "${stderr: -1}"
	for text in "${texts[@]}"; do has "$stderr" "$text"; done
	is "$before" "$(ls -A)"
}

# inode IMAGE PATH: "mode uid gid" as debugfs says them.
inode() {
	debugfs -R "stat \"$2\"" "$1" 2>/dev/null | tr '\n' ' ' |
		sed -E 's/.*Type: ([a-zA-Z]+)[a-z ]* Mode: +([0-7]+).*User: +([0-9]+) +Group: +([0-9]+).*/\1 \2 \3 \4/'
}

# sound IMAGE: fsck has nothing to say against it.
sound() {
	run e2fsck -fn "$1"
	is 0 "$status"
	run dumpe2fs -h "$1"
	has "$output" "has_journal"
	has "$output" "Filesystem state:         clean"
}

@test "a tar archive as ext4: owners, modes, devices, links, names, times" {
	make -o disk "$in/tree.tar"
	sound disk
	is "regular 04755 0 0" "$(inode disk bin/su)"
	is "regular 0644 1000 1000" "$(inode disk home/user/file)"
	is "regular 0000 0 42" "$(inode disk etc/shadow)"
	is "directory 0700 1000 1000" "$(inode disk home/user)"
	is "directory 0555 70000 70000" "$(inode disk closed)"
	is "directory 01777 3 4" "$(inode disk .)"
	is "character 0640 0 5" "$(inode disk dev/console)"
	is "FIFO 0600 7 8" "$(inode disk fifo)"
	has "$(debugfs -R 'stat dev/console' disk 2>/dev/null)" "Device major/minor number: 05:01"
	has "$(debugfs -R 'stat link' disk 2>/dev/null)" 'Fast link dest: "bin/su"'
	is "regular 0644 0 0" "$(inode disk "$(cat "$in/long")")"
	has "$(debugfs -R 'stat hard' disk 2>/dev/null)" "Links: 2"
	is "$(debugfs -R 'cat home/user/file' disk 2>/dev/null)" "hello"
	has "$(TZ=UTC debugfs -R 'stat home/user/file' disk 2>/dev/null)" "mtime: 0x3b9aca00"
	has "$(TZ=UTC debugfs -R 'stat home/user/file' disk 2>/dev/null)" "ctime: 0x3b9aca64" # the newest's
	has "$(debugfs -R 'stat .' disk 2>/dev/null)" "mtime: 0x3b9aca64"
}

@test "a tar archive as squashfs" {
	make -t squashfs "$in/tree.tar"
	listing=$(TZ=UTC unsquashfs -lln tree.squashfs)
	for line in '-rwsr-xr-x 0/0 .* 2001-09-09 01:46 squashfs-root/bin/su' 'drwxrwxrwt 3/4 .* squashfs-root' \
		'-rw-r--r-- 1000/1000 .* squashfs-root/home/user/file' 'crw-r----- 0/5 +5, +1 .*/dev/console' \
		'---------- 0/42 .*/etc/shadow' 'dr-xr-xr-x 70000/70000 .*/closed' 'l.* squashfs-root/link -> bin/su' \
		'prw------- 7/8 .*/fifo' "-rw-r--r-- 0/0 .*/$(cat "$in/long")"; do
		printf '%s\n' "$listing" | grep -qxE -- "$line" || { echo "no $line in $listing" >&2; false; }
	done
	is 1 "$(od -An -tu2 -j 20 -N 2 tree.squashfs | grep -c 6)" # zstd
	unsquashfs -d out tree.squashfs home >/dev/null
	is hello "$(cat out/home/user/file)"
}

@test "a tar archive as erofs" {
	make -t erofs "$in/tree.tar"
	run fsck.erofs tree.erofs
	is 0 "$status"
	look() { dump.erofs "--path=$1" tree.erofs | sed -nE 's/^Uid: ([0-9]+) +Gid: ([0-9]+) +Access: ([0-7]+).*/\3 \1 \2/p'; }
	is "0755 0 0" "$(look /bin/su)" # it does not tell of more
	user fsck.erofs --extract=out --preserve-perms --no-preserve-owner tree.erofs >/dev/null 2>&1 # but for devices
	is 4755 "$(stat -c %a out/bin/su)"
	is "0644 1000 1000" "$(look /home/user/file)"
	is "0777 3 4" "$(look /)"
	is "0000 0 42" "$(look /etc/shadow)"
	has "$(dump.erofs --path=/dev/console tree.erofs)" "char dev"
	has "$(TZ=UTC dump.erofs --path=/home/user/file tree.erofs)" "2001-09-09 01:46:40"
}

@test "an archive is recognised by its content, and gives the same however it is packed" {
	make -t erofs -o plain "$in/tree.tar"
	for packer in gzip xz bzip2 zstd; do
		$packer -c <"$in/tree.tar" >packed
		chmod 644 packed
		make -t erofs -o result packed
		cmp plain result
	done
}

@test "a directory: the user's becomes root's, and is left as it was" {
	user sh -c 'mkdir -m 750 dir; echo a >dir/a; chmod 4711 dir/a; ln -s a dir/link; ln dir/a dir/b'
	before=$(find dir -printf '%p %m %u %g %T@ %C@\n' | sort)
	make dir
	is "$before" "$(find dir -printf '%p %m %u %g %T@ %C@\n' | sort)"
	sound dir.ext4
	is "regular 04711 0 0" "$(inode dir.ext4 a)"
	is "symlink 0777 0 0" "$(inode dir.ext4 link)"
	is "directory 0750 0 0" "$(inode dir.ext4 .)"
	make -t squashfs dir
	is 4 "$(unsquashfs -lln dir.squashfs | grep -c ' 0/0 .*squashfs-root')"
}

@test "a directory: root keeps the owners of others' files" {
	[ "$(id -u)" = 0 ] || return 0 # nobody else has any
	mkdir dir && touch dir/root dir/user && chown 1000:1001 dir/user
	as_user='' make dir
	is "regular 0644 0 0" "$(inode dir.ext4 root)"
	is "regular 0644 1000 1001" "$(inode dir.ext4 user)"
	is 1000:1001 "$(stat -c %u:%g dir/user)"
}

@test "an OCI directory: layers, what they delete, owners" {
	make "$in/oci:two"
	sound oci.ext4
	is "regular 04755 0 0" "$(inode oci.ext4 bin/su)"
	is "regular 0644 1000 1000" "$(inode oci.ext4 home/user/file)"
	is "regular 0600 300000 9" "$(inode oci.ext4 new)"
	is "regular 0644 12 34" "$(inode oci.ext4 "odd name = x")"
	is "directory 0555 " "$(inode oci.ext4 closed | cut -c 1-15)"
	has "$(debugfs -R 'stat hard' oci.ext4 2>&1)" "File not found"
	is '' "$(debugfs -R 'ea_list home/user/file' oci.ext4 2>/dev/null)"
	is '' "$(ls -A | grep -v '^oci.ext4$')"
	make -t erofs -o again "$in/oci:two"
	make -t erofs -o third "$in/oci:two"
	cmp again third
	make -t squashfs "$in/single"
	has "$(unsquashfs -lln single.squashfs)" "-rw-r--r-- 1000/1000"
	refused "not one tag" "one two" "$in/oci:TAG" -- "$in/oci"
	refused "umoci" "tag is not found" -- "$in/oci:three"
}

@test "the same content gives the same bytes: at another time, in another place, made in another order" {
	# On another file system if there is one: what order a directory is read in is up to it.
	elsewhere=$(mktemp -d /dev/shm/rootdisk-test.XXXXXX || mktemp -d "$mine/XXXXXX")
	chmod 755 "$elsewhere"
	ln -s "$elsewhere" two
	mkdir one
	for i in $(seq 1 40); do mkdir -p one/d$((i % 7)) && echo "$i" >"one/d$((i % 7))/$i"; done
	find one -exec touch -d @1000000000.5 {} +
	sleep 1.1 # times of change and of reading are whole seconds in ext4
	(cd one && find . -type f | sort -r | cpio -pdm --quiet ../two)
	chmod --reference=one two/
	find two/ -exec touch -d @1000000000.5 {} +
	tar -C one -cf three.tar d1/1 # which does not say what d1 is like
	for n in 1 2; do
		for type in ext4 squashfs erofs; do
			make -t $type -o $type.one.$n one
			make -t $type -o $type.two.$n two
			make -t $type -o $type.tree.$n "$in/tree.tar"
			make -t $type -o $type.three.$n three.tar
		done
		sleep 1.1
	done
	for type in ext4 squashfs erofs; do
		for name in one two tree three; do cmp $type.$name.1 $type.$name.2; done
		cmp $type.one.1 $type.two.1
	done
	is "1000000000" "$(TZ=UTC debugfs -R 'stat d1' ext4.three.1 2>/dev/null | sed -n 's/.* mtime: \(0x[0-9a-f]*\).*/\1/p' | xargs printf %d)"
	echo other >two/d0/7
	touch -d @1000000000.5 two/d0/7 two/d0
	make -o a one
	make -o b two
	[ "$(dumpe2fs -h a 2>/dev/null | grep UUID)" != "$(dumpe2fs -h b 2>/dev/null | grep UUID)" ]
}

@test "SOURCE_DATE_EPOCH is all dates" {
	mkdir one two
	echo x >one/file && echo x >two/file
	touch -d @1000 one/file
	export SOURCE_DATE_EPOCH=86400
	for type in ext4 squashfs erofs; do
		make -t $type -o a one
		make -t $type -o b two
		cmp a b
	done
	make one
	has "$(TZ=UTC debugfs -R 'stat file' one.ext4 2>/dev/null)" "mtime: 0x00015180"
	sound one.ext4
	SOURCE_DATE_EPOCH=soon refused "SOURCE_DATE_EPOCH" -- one
	SOURCE_DATE_EPOCH=0 make one # which mke2fs would take for none
	has "$(debugfs -R 'stat file' one.ext4 2>/dev/null)" "crtime: 0x00000001"
}

@test "a size: exact, too small, none" {
	mkdir dir
	head -c 3000000 /dev/urandom >dir/data
	make -s 40M -o disk dir
	is $((40 << 20)) "$(stat -c %s disk)"
	sound disk
	make -s 300M -o disk dir
	is $((300 << 20)) "$(stat -c %s disk)"
	make -o disk dir
	free=$(dumpe2fs -h disk 2>/dev/null | awk '/^Free blocks/ { print $3 }')
	[ "$free" -ge 16384 ]
	refused "does not fit in 8M" "-s 1" -- -s 8M -o none dir
	least=$(printf '%s' "$stderr" | sed 's/.*-s \([0-9]*\)M.*/\1/')
	make -s "${least}M" -o disk dir
	refused "'much'" -- -s much dir
	refused "'99999999999999999999G'" -- -s 99999999999999999999G dir
	refused "-s is for ext4" -- -s 64M -t squashfs dir
}

@test "what is no source, and what is no good one" {
	refused "cannot find nowhere" -- nowhere
	: >empty
	refused "empty is empty" -- empty
	head -c 10000 /dev/urandom >random
	printf 'random' | dd of=random conv=notrunc 2>/dev/null
	refused "random is no tar archive" -- random
	gzip -c "$in/tree.tar" | head -c 300 >short
	refused "short is cut short" -- short
	mkdir -p x/y && echo evil >x/file && (cd x/y && tar -P -cf ../../up ../file)
	refused "lead out of it" "'..'" -- up
	mkdir save && touch save/manifest.json save/repositories && tar -C save -cf saved .
	refused "docker-archive:saved" "docker export" -- saved
	mkfifo fifo
	refused "fifo is neither" -- fifo
	user sh -c 'mkdir dir; echo x >dir/secret; chmod 0 dir/secret'
	refused "dir" "Permission denied" -- dir
}

@test "usage, types, results that cannot be" {
	run --separate-stderr user "$shared/images/rootdisk.sh"
	ended 1
	has "$stderr" "usage: rootdisk.sh"
	mkdir -p dir/sub
	for bad in '-x dir' 'dir dir' '-t' ; do
		run --separate-stderr user "$shared/images/rootdisk.sh" $bad
		ended 1
		has "$stderr" "usage: rootdisk.sh"
	done
	refused "unknown type 'fat'" -- -t fat dir
	refused "no regular file" -- -o dir/sub dir
	refused "no regular file" -- -o /dev/null dir
	refused "no directory for no/where/disk" -- -o no/where/disk dir
	refused "cannot write to" -- -o /proc/disk dir
	chmod 777 dir
	refused "lies in dir" -- -o dir/disk dir
	is '' "$(ls -A dir | grep -v sub)"
	mkdir .disk.partial
	refused "somebody else is making disk" "rm -r" -- -o disk dir
}

@test "a missing program is named with its package" {
	mkdir dir bin
	for program in sh dirname env cat; do ln -s "$(command -v $program)" "bin/$program"; done
	for pair in mksquashfs:squashfs:squashfs-tools mkfs.erofs:erofs:erofs-utils; do
		IFS=: read -r program type package <<<"$pair"
		[ ! -e "/usr/sbin/$program" ] || continue
		run --separate-stderr env PATH="$mine/bin" HOME="$mine" sh "$shared/images/rootdisk.sh" -t "$type" dir
		ended 1
		has "$stderr" "there is no $program (images/deps.sh rootdisk installs the package $package)"
	done
}

@test "what fails or is stopped halfway leaves the old result, and nothing else" {
	mkdir dir bin
	echo old >disk
	[ "$(id -u)" != 0 ] || chown 65534 disk
	printf '#!/bin/sh\nkill -TERM $PPID\n' >bin/mksquashfs
	chmod 755 bin bin/mksquashfs
	PATH=$mine/bin:$PATH run --separate-stderr user "$shared/images/rootdisk.sh" -t squashfs -o disk dir
	ended 143
	is old "$(cat disk)"
	is "bin dir disk" "$(ls -A | tr '\n' ' ' | sed 's/ $//')"
	printf '#!/bin/sh\necho "write failed: No space left on device" >&2; exit 1\n' >bin/mksquashfs
	PATH=$mine/bin:$PATH refused "no room in" -- -t squashfs -o disk dir
	printf '#!/bin/sh\necho "something odd"; exit 1\n' >bin/mksquashfs
	PATH=$mine/bin:$PATH refused "something odd" "mksquashfs" -- -t squashfs -o disk dir
	is old "$(cat disk)"
	make -t squashfs -o disk dir
	is hsqs "$(head -c 4 disk)"
}
