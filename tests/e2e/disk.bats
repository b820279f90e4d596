# Disks under Linux: on a host whose KVM runs unmodified kernels, or in the lab.
load helpers

setup() {
	cd "$BATS_TEST_TMPDIR"
	cat "$initrd" "$tools" >both
	initrd=$PWD/both
}

# image SIZE: an empty ext4 file system in ./image.
image() {
	truncate -s "$1" image
	mkfs.ext4 -q image
}

# sound: e2fsck finds nothing to repair in ./image.
sound() {
	e2fsck -f -n image >fsck 2>&1 || {
		cat fsck >&2
		return 1
	}
}

# on_ext4 [OPTION...] -- SCRIPT: SCRIPT in a guest that has ./image on /mnt.
on_ext4() {
	local options=()
	while [ "$1" != -- ]; do
		options+=("$1")
		shift
	done
	linux -m 512M "${options[@]}" -- sh -c "for m in ${modules:-}; do insmod \$m || exit 90; done
		mkdir -p /mnt; mount -t ext4 /dev/vda /mnt || exit 91; cd /mnt; { $2
		} || exit 92; cd /; umount /mnt || exit 93"
}

fio_verify='fio --name=v --directory=/mnt --size=8m --rw=randwrite --bs=4k --verify=crc32c --fsync=16 \
	--ioengine=psync --do_verify=1 --randrepeat=1 --output-format=terse >/tmp/fio'

@test "ext4 and fio's random writes with verification; the host's fsck is content" {
	image 64M
	on_ext4 -d image -- "$fio_verify"
	ended 0
	sound
}

@test "the same with Debian's unmodified kernel" {
	image 64M
	linux_kernel=$debian modules='/modules/*.ko' on_ext4 -d image -- "$fio_verify"
	ended 0
	sound
}

# bats test_tags=irqchip
@test "the same without ACPI, with two CPUs and two queues" {
	image 64M
	on_ext4 -d image,queues=2 -c 2 -a acpi=off -- "test -d /sys/block/vda/mq/1; $fio_verify --numjobs=2"
	ended 0
	sound
}

@test "fstrim gives the space of deleted files back" {
	image 64M
	on_ext4 -d image -- 'dd if=/dev/urandom of=big bs=1M count=32 2>/dev/null'
	ended 0
	full=$(du -k image | cut -f1)
	on_ext4 -d image -- 'rm big; sync; fstrim /mnt'
	ended 0
	[ "$(du -k image | cut -f1)" -lt $((full - 30000)) ]
	sound
}

@test "what an ephemeral disk is told is there for its guest, and gone afterwards" {
	image 64M
	before=$(sha256sum <image)
	on_ext4 -d image,ephemeral -- 'head -c 9000000 /dev/urandom >a; cp a b; sync; echo 3 >/proc/sys/vm/drop_caches
		cmp a b && rm a && fstrim /mnt && cp b c && cmp b c && echo same'
	ended 0
	is same "$output"
	is "$before" "$(sha256sum <image)"
}

@test "a read-only disk refuses writes and stays as it is" {
	image 16M
	before=$(sha256sum <image)
	linux -d image,ro -- sh -c 'cat /sys/block/vda/ro; mount -t ext4 -o ro,noload /dev/vda /mnt && ls /mnt
		dd if=/dev/zero of=/dev/vda count=1 2>/dev/null; echo $?'
	ended 0
	is "$(printf '1\nlost+found\n1')" "$output"
	is "$before" "$(sha256sum <image)"
}

# hold DISK: a VM that has it, in the background; returns when its guest runs.
hold() {
	"$mayfly" run -k "$kernel" -i "$initrd" -d "$1" -- sh -c 'echo up; sleep 100' </dev/null >"$BATS_TEST_TMPDIR/out" 2>&1 3>&- &
	pid=$!
	until_true said up
}

@test "one writer, or any number of readers" {
	image 16M
	hold image,ro
	linux -d image,ro -- true
	ended 0
	linux -d image,ephemeral -- true
	ended 0
	linux -d image -- true
	failed 125 "cannot use image" "another VM or program uses it"
	kill "$pid"
	code "$pid"
	hold image
	linux -d image -- true
	failed 125 "cannot use image" "another VM or program uses it"
	linux -d image,ro -- true
	failed 125 "cannot use image" "another VM or program writes to it"
	kill "$pid"
	code "$pid"
	linux -d image -- true
	ended 0
}

# One round: what the last round was told to be safe is compared; then files are written and synced one by one, each
# is told when it is safe, and the VM is killed after $2 of them.
killed_round() {
	"$mayfly" run -k "$kernel" -i "$initrd" -d image -- sh -c "mount -t ext4 /dev/vda /mnt; cd /mnt
		text() { echo \$1; seq \$((\$1 * 50)); }
		n=0; while [ \$n -lt $safe ]; do n=\$((n + 1)); text \$n | cmp - f\$n || exit 1; done
		rm -f f*; sync; echo compared
		n=0; while :; do n=\$((n + 1)); text \$n | dd of=f\$n conv=fsync 2>/dev/null && echo \$n; done" \
		</dev/null >told 2>err 3>&- &
	pid=$!
	until_true eval '[ "$(wc -l <told)" -gt '"$2"' ]'
	kill -9 "$pid"
	code "$pid"
	is 137 "$code"
	is compared "$(head -n 1 told)"
	is "" "$(cat err)"
	safe=$(tail -n 1 told)
}

@test "SIGKILL while the guest syncs: what was synced is there, ten times" {
	image 64M
	safe=0
	for round in 1 2 3 4 5 6 7 8 9 10; do killed_round "$round" $((round + 2)); done
	on_ext4 -d image -- "n=0; while [ \$n -lt $safe ]; do n=\$((n + 1)); { echo \$n; seq \$((n * 50)); } | cmp - f\$n || exit 1; done"
	ended 0
	sound
}

@test "a full host disk is an I/O error for the guest and one warning for the host" {
	mkdir small
	mount -t tmpfs -o size=4m tmpfs small || skip "may not mount a tmpfs here"
	truncate -s 32M small/image
	linux -d small/image -- sh -c 'dd if=/dev/zero of=/dev/vda bs=64k count=256 conv=fsync 2>/dev/null; echo $?
		dd if=/dev/vda of=/dev/null bs=64k count=256 2>/dev/null; echo $?'
	umount small
	ended 0
	is "$(printf '1\n0')" "$output"
	is 1 "$(printf '%s\n' "$stderr" | wc -l)"
	has "$stderr" "mayfly: warning: cannot write small/image: No space left on device"
}

@test "a file that shrinks is an I/O error, too" {
	truncate -s 32M image
	"$mayfly" run -k "$kernel" -i "$initrd" -d image -- sh -c 'echo up; until dd if=/dev/vda of=/dev/null bs=512 skip=40960 count=1 \
		iflag=direct 2>&1 | grep -q error; do sleep 0.1; done; dd if=/dev/vda of=/dev/null bs=512 count=1 2>/dev/null; echo end $?' \
		</dev/null >"$BATS_TEST_TMPDIR/out" 2>&1 3>&- &
	pid=$!
	until_true said up
	truncate -s 1M image
	code "$pid"
	is 0 "$code"
	said "end 0"
	is 1 "$(grep -c "warning: cannot read image" "$BATS_TEST_TMPDIR/out")"
}

@test "a block device is a disk, with direct I/O, too; one that is mounted is refused" {
	[ -b /dev/loop0 ] || skip "no loop devices here"
	[ "$(id -u)" = 0 ] || skip "loop devices need root"
	image 32M
	loop=$(losetup -f)
	losetup "$loop" image
	on_ext4 -d "$loop,direct" -- "$fio_verify; rm v.*; fstrim /mnt"
	ended 0
	mkdir mounted
	mount -t ext4 "$loop" mounted
	linux -d "$loop" -- true
	umount mounted
	failed 125 "cannot open $loop" "unmount it"
	losetup -d "$loop"
	sound
}

# bats test_tags=irqchip
@test "size, serial number, block size and read-ahead are the disk's own" {
	truncate -s 3M first
	truncate -s 5M second
	linux -d first -d second,ro,serial=the-second -- sh -c 'cd /sys/block; cat vda/size vdb/size vda/queue/logical_block_size \
		vda/queue/physical_block_size vda/serial; echo; cat vdb/serial'
	ended 0
	is "$(printf '6144\n10240\n512\n4096\nmayfly-0\nthe-second')" "$output"
}

# The writer's descriptor is opened while the disk is there: a redirection later would make a file of its name. And the
# name may change: it is taken as long as the old disk is held open.
@test "200 times away and back, under load" {
	truncate -s 16M image
	linux -c 2 -d image --stats stats -- sh -c 'cd /sys/bus/virtio/drivers/virtio_blk
		find_disk() { disk=/dev/$(ls /sys/block | grep ^vd); [ -b $disk ]; }
		for i in $(seq 200); do
			find_disk || exit 3
			exec 3<>$disk
			dd if=$disk of=/dev/null bs=4k iflag=direct 2>/dev/null &
			dd if=/dev/zero bs=64k >&3 2>/dev/null &
			exec 3>&-
			echo virtio0 >unbind || exit 1
			echo virtio0 >bind || exit 2
			wait
		done
		find_disk && dd if=$disk of=/dev/null bs=1M count=1 2>/dev/null && echo alive'
	ended 0
	is alive "$output"
	is "" "$stderr"
	grep -q '"errors": 0' stats
}

@test "the counters say what the guest did" {
	truncate -s 16M image
	linux -d image --stats stats -- sh -c 'dd if=/dev/vda of=/dev/null bs=4k count=256 iflag=direct 2>/dev/null
		dd if=/dev/zero of=/dev/vda bs=4k count=128 oflag=direct conv=fsync 2>/dev/null'
	ended 0
	number() { sed -n "s/.*\"$1\": \([0-9]*\).*/\1/p" stats; }
	[ "$(number reads)" -ge 256 ]
	[ "$(number read_bytes)" -ge 1048576 ]
	is 128 "$(number writes)"
	is 524288 "$(number written_bytes)"
	is 0 "$(number errors)"
	# A disk that looks again before it sleeps needs no kick: how many there are is a matter of time.
	[ "$(number kicks)" -ge 1 ]
	[ "$(number interrupts)" -ge 300 ]
}
