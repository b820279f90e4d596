#!/bin/bash
# io-lab.bash VMM LOAD: io.sh's part in the lab: three guests of VMM with one load of io-guest.sh each, the first for
# its time, the others, of a tenth and of three tenths of the work, for how often what happened: what they have in
# common (the load's begin, and the line on the console that tells of its end) is none of a request's.
set -eu
# shellcheck source-path=SCRIPTDIR source=lab.bash
. /lab.bash

vmm=$1 load=$2
events=(kvm_userspace_exit:reason kvm_exit:exit_reason "kvm_set_irq:gsi,level")
syscalls=$tracing/events/raw_syscalls/sys_enter

start_mayfly() {
	exec "${mayfly[@]}" -m 512M -k /vmlinux -i /io.cpio -d /tmp/disk -n tap=t0 -a "$*"
}

# Virtio 1.0, as mayfly's. Of QEMU's ways to a file this takes the fewest instructions here: threads take a third more
# at depth 1, and an iothread a tenth more at depth 32.
start_qemu() {
	exec "${qemu[@]}" -m 512 -kernel /vmlinux -initrd /io.cpio -append "$words $*" -global virtio-mmio.force-legacy=false \
		-drive "if=none,id=disk,file=/tmp/disk,format=raw,file.locking=off,cache=writeback,aio=io_uring" \
		-device virtio-blk-device,drive=disk \
		-netdev tap,id=net,ifname=t0,script=no,downscript=no,vhost=off -device virtio-net-device,netdev=net
}

# guest WORK: runs one; at its load's begin and end, begins and ends are called, the latter with UNITS NANOSECONDS.
guest() {
	local out pid line
	mkfifo /tmp/out
	"start_$vmm" quiet "load=$load" "work=$1" </dev/null >/tmp/out &
	pid=$!
	exec {out}</tmp/out
	while read -r line <&"$out"; do
		line=${line%$'\r'}
		# shellcheck disable=SC2086 # words
		case $line in
		begin*) begins ;;
		end*) ends "$pid" ${line#end } ;;
		*reboot:*) ;;
		*) echo "$line" >&2 ;;
		esac
	done
	exec {out}<&-
	wait "$pid"
	rm /tmp/out
}

measure() {
	begins() { :; }
	ends() { printf '{"units":%d,"ns":%d}\n' "$2" "$3"; }
	guest 100
}

# count WORK
count() {
	local work=$1
	begins() {
		for event in "${events[@]}"; do watch "$event"; done
		echo 'hist:keys=common_pid,id:size=4096' >"$syscalls/trigger"
	}
	# Stopped, it is all there to be looked at.
	ends() {
		kill -STOP "$1"
		printf '{"name":"%s","traced_units":%d,"tasks":[%s]}\n' "$work" "$2" "$(cd "/proc/$1/task" && echo * | tr ' ' ,)"
		for event in "${events[@]}"; do
			counts "$work" "$event"
			unwatch "$event"
		done
		counts "$work" ../raw_syscalls/sys_enter
		echo '!hist:keys=common_pid,id' >"$syscalls/trigger"
		kill -CONT "$1"
	}
	guest "$work"
}

dd if=/dev/urandom of=/tmp/disk bs=1M count=64 2>/dev/null
tunctl -t t0 >/dev/null
ip addr add 10.0.0.1/24 dev t0
ip link set t0 up
case $load in net_*) iperf3 -s >/dev/null 2>&1 & sleep 0.2 ;; esac
measure
count 10
count 30
