#!/bin/sh
# io-guest.sh: PID 1 of the guest that io.sh measures; the same under both VMMs. It says on the console when its load
# begins and ends, and what came of it:
#
#   begin
#   end UNITS NANOSECONDS     units are requests, bytes or packets
#
# On the kernel's command line are `load=NAME` and `work=N`, how much of it, in percent.

export PATH=/sbin:/usr/sbin:/bin:/usr/bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
mount -t tmpfs tmpfs /tmp
ip link set lo up
ip addr add 10.0.0.2/24 dev eth0
ip link set eth0 up
load='' work=100
# shellcheck disable=SC2013 # words are what is wanted
for word in $(cat /proc/cmdline); do
	case $word in load=* | work=*) eval "$word" ;; esac
done
until ping -c 1 -W 1 10.0.0.1 >/dev/null; do :; done

share() { echo $(($1 * work / 100)); }

# disk READ-OR-WRITE KIBIBYTES DEPTH REQUESTS: fio tells of kibibytes and milliseconds, those read and those written.
disk() {
	fio --name=load --filename=/dev/vda --ioengine=io_uring --direct=1 --rw="$1" --bs="$2k" --iodepth="$3" --size=100% \
		--io_size="$(($(share "$4") * $2))k" --randrepeat=1 --norandommap --minimal --terse-version=3 >/tmp/out 2>&1
	awk -F ';' -v block="$2" '{ printf "end %d %d\n", ($6 + $47) / block, ($9 + $50) * 1000000 }' /tmp/out
}

# field SUM NAME: a member of one of the sums in iperf3's JSON.
field() { sed -n "/\"$1\":/,/}/ s/.*\"$2\":[^0-9]*\([0-9.e+-]*\).*/\1/p" /tmp/out | head -n 1; }

# net COUNTED ARGUMENT...: bytes or packets that arrived.
net() {
	counted=$1
	shift
	iperf3 -J -c 10.0.0.1 "$@" >/tmp/out 2>&1 || cat /tmp/out
	case $counted in
	bytes) echo "$(field sum_received bytes) 0 $(field sum_received seconds)" ;;
	packets) echo "$(field sum packets) $(field sum lost_packets) $(field sum seconds)" ;;
	esac | awk '{ printf "end %d %d\n", $1 - $2, $3 * 1000000000 }'
}

echo begin
case $load in
disk_read_4k_depth_1) disk randread 4 1 1500 ;;
disk_write_4k_depth_1) disk randwrite 4 1 1500 ;;
disk_read_4k_depth_32) disk randread 4 32 2000 ;;
disk_write_4k_depth_32) disk randwrite 4 32 2000 ;;
disk_read_1m) disk read 1024 4 150 ;;
disk_write_1m) disk write 1024 4 150 ;;
net_tcp_send) net bytes -n "$(share 100)M" ;;
net_tcp_receive) net bytes -R -n "$(share 100)M" ;;
# 18 bytes make the smallest frame, of 64.
net_packets_send) net packets -u -b 0 -l 18 -n "$(share 30)K" ;;
# Who receives can but say for how long: a second, some 40000 packets, however much work is asked for.
net_packets_receive) net packets -u -b 0 -l 18 -t 1 -R ;;
esac
reboot -f
