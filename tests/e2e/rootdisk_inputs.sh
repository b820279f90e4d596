#!/bin/sh
# rootdisk_inputs.sh DIR: under fakeroot, makes the archives and images for rootdisk.bats in DIR:
#   tree.tar    what a root file system may hold, and what an ordinary user cannot make    long   its longest name
#   oci         an OCI directory: tag one is tree.tar, two a second layer on it             single  one with one tag
set -eu

cd "$1"
mkdir -p tree/bin tree/dev tree/etc tree/home/user tree/closed
(
	cd tree
	echo su >bin/su && chmod 4755 bin/su
	echo hello >home/user/file
	chown -R 1000:1000 home/user && chmod 700 home/user
	echo secret >etc/shadow && chown 0:42 etc/shadow && chmod 0 etc/shadow
	mknod -m 640 dev/console c 5 1 && chown 0:5 dev/console
	mkfifo -m 600 fifo && chown 7:8 fifo
	ln -s bin/su link && ln bin/su hard
	printf 'n%0239d' 0 >../long && : >"$(cat ../long)"
	: >'odd name = x' && chown 12:34 'odd name = x'
	chown 70000:70000 closed && chmod 555 closed
	chown 3:4 . && chmod 1777 .
	find . -exec touch -h -d @1000000000 {} +
	touch -d @1000000100 .
	tar --sort=name -cf ../tree.tar .
)

mkdir -p change
echo new >change/new && chown 300000:9 change/new && chmod 600 change/new
: >change/.wh.hard
tar -C change --sort=name -cf change.tar new .wh.hard

# (It asks for no owner: as it is no program of libc's, fakeroot cannot deceive it.)
for image in oci single; do
	umoci init --layout $image
	umoci new --image $image:one
	umoci raw add-layer --image $image:one tree.tar
done
umoci raw add-layer --image oci:one --tag two change.tar
rm -rf tree change
