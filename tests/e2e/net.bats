# NICs under Linux: in the lab, or on a host whose KVM runs unmodified kernels, in a network namespace of our own
# (`unshare -rn bats tests/e2e/net.bats`).
load helpers

setup_file() { [ "$(id -u)" = 0 ] || skip "needs to be root, in a network namespace: unshare -rn"; }

setup() {
	cd "$BATS_TEST_TMPDIR"
	cat "$initrd" "$tools" >both
	initrd=$PWD/both
	make_tap t0
	ip addr add 10.0.0.1/24 dev t0
	echo 0 >/proc/sys/net/ipv6/conf/t0/accept_dad
	ip addr add fd00::1/64 dev t0
	ip link set t0 up
}

teardown() {
	[ -z "${server:-}" ] || kill "$server" || true
	for name in t0 t1 mv0; do ip link del "$name" 2>/dev/null || true; done
}

# make_tap NAME [multi_queue]: with iproute2, or with busybox, which has another word for it.
make_tap() { ip tuntap add dev "$1" mode tap ${2:+"$2"} 2>/dev/null || tunctl -t "$1" >/dev/null; }

# serve: an iperf3 server for one test.
serve() {
	iperf3 -s >/dev/null 2>&1 3>&- &
	server=$!
}

# counted NAME: a counter of t0.
counted() { cat "/sys/class/net/t0/statistics/$1"; }

ip='--ip 10.0.0.2/24,gw=10.0.0.1,dns=10.0.0.9 --ip fd00::2/64'

# shellcheck disable=SC2086 # $ip is a list
@test "eth0 has the address, the route and the name server that --ip gives it" {
	linux -n tap=t0 $ip -- sh -c 'ip -o addr show eth0 | grep -o "inet6* [^ ]*" | grep -v fe80; ip route | head -n 1
		cat /etc/resolv.conf; cat /sys/class/net/eth0/mtu /sys/class/net/eth0/address'
	ended 0
	mac=${lines[-1]}
	is "$(printf 'inet 10.0.0.2/24\ninet6 fd00::2/64\ndefault via 10.0.0.1 dev eth0 \nnameserver 10.0.0.9\n1500\n%s' "$mac")" "$output"
	[[ $mac =~ ^.[26ae]: ]]
	linux -n tap=t0 -- cat /sys/class/net/eth0/address
	is "$mac" "$output"
	linux -n tap=t0,mac=52:54:00:12:34:56,mtu=1400 -- cat /sys/class/net/eth0/address /sys/class/net/eth0/mtu
	is "$(printf '52:54:00:12:34:56\n1400')" "$output"
	is 1400 "$(cat /sys/class/net/t0/mtu)"
}

# traffic [OPTION...]: both directions and both protocols; large packets must be seen on the tap.
# shellcheck disable=SC2086 # $ip is a list
traffic() {
	serve
	# The server stops listening for a moment when a client has gone.
	linux -m 512M -n tap=t0 $ip --stats stats "$@" -- sh -ec 'ping -c 3 10.0.0.1 >/dev/null; ping -c 3 fd00::1 >/dev/null
		measure() { until iperf3 "$@" 2>/tmp/error; do grep -q refused /tmp/error && sleep 0.2 || { cat /tmp/error >&2; exit 1; }; done; }
		measure -c 10.0.0.1 -t 2; measure -c 10.0.0.1 -t 2 -R; measure -6 -c fd00::1 -t 1; measure -6 -c fd00::1 -t 1 -R
		measure -u -b 20M -c 10.0.0.1 -t 1; measure -u -b 20M -c 10.0.0.1 -t 1 -R'
	ended 0
	is "" "$stderr"
	is 6 "$(printf '%s\n' "$output" | grep -c '^iperf Done')"
	[ $(($(counted rx_bytes) / $(counted rx_packets))) -gt 2000 ]
	[ $(($(counted tx_bytes) / $(counted tx_packets))) -gt 2000 ]
	grep -q '"dropped": 0' stats
}

# bats test_tags=irqchip
@test "ping and iperf3, TCP and UDP, IPv4 and IPv6, both ways, in packets of many segments" {
	traffic
}

# bats test_tags=irqchip
@test "the same with two CPUs and four queue pairs" {
	ip link del t0
	traffic_on_pairs() {
		# mayfly makes the interface itself: it must be given its address when it is there.
		{ until_true test -e /sys/class/net/t0 && ip addr add 10.0.0.1/24 dev t0 && ip addr add fd00::1/64 dev t0; } >/dev/null 2>&1 3>&- &
		serve
		linux -m 512M -c 4 -n tap=t0,queues=4 --ip 10.0.0.2/24 --stats stats -- sh -c '
			until ping -c 1 -w 1 10.0.0.1 >/dev/null; do :; done
			ls /sys/class/net/eth0/queues | grep -c rx; iperf3 -P 4 -c 10.0.0.1 -t 2 >/tmp/out && iperf3 -P 4 -c 10.0.0.1 -t 2 -R >/tmp/out; echo $?'
	}
	traffic_on_pairs
	ended 0
	is "$(printf '4\n0')" "$output"
	grep -q '"control": [1-9]' stats
	[ ! -e /sys/class/net/t0 ]
}

# shellcheck disable=SC2086 # $ip is a list
@test "Debian's unmodified kernel has its NIC, too" {
	serve
	linux_kernel=$debian linux -m 512M -n tap=t0 -- sh -ec 'for m in /modules/*.ko; do insmod $m; done
		ip addr add 10.0.0.2/24 dev eth0; ip link set eth0 up; ping -c 2 10.0.0.1 >/dev/null
		iperf3 -c 10.0.0.1 -t 1 >/dev/null; iperf3 -c 10.0.0.1 -t 1 -R >/dev/null; echo fine'
	ended 0
	is fine "$output"
	linux_kernel=$debian linux -m 512M -n tap=t0 $ip -- true
	failed 122 "could not set up eth0" "virtio_net"
}

@test "descriptors that mayfly inherits: a macvtap" {
	ip link add link t0 name mv0 type macvtap || skip "this kernel has no macvtap"
	ip link set mv0 up
	node=/dev/tap$(cat /sys/class/net/mv0/ifindex)
	[ -e "$node" ] || mknod "$node" c "$(tr : ' ' <"/sys/class/net/mv0/macvtap/tap$(cat /sys/class/net/mv0/ifindex)/dev" | cut -d' ' -f1)" \
		"$(cut -d: -f2 <"/sys/class/net/mv0/macvtap/tap$(cat /sys/class/net/mv0/ifindex)/dev")"
	run --separate-stderr timeout 60 "$mayfly" run -k "$kernel" -i "$initrd" -n fd=7 --ip 10.0.0.2/24 -- \
		cat /sys/class/net/eth0/address 7<>"$node" </dev/null
	ended 0
	is "$(cat /sys/class/net/mv0/address)" "$output"
	linux -n fd=7 -- true
	failed 125 "descriptor 7"
	run --separate-stderr "$mayfly" run -k "$kernel" -n fd=7 7</dev/null
	failed 125 "descriptor 7 is no TAP"
}

@test "what is wrong with an interface is said" {
	make_tap t1
	linux -n tap=lo -- true
	failed 125 "cannot use interface lo"
	"$mayfly" run -k "$bare" -a test=sleep -n tap=t1 </dev/null >/dev/null 2>&1 3>&- &
	pid=$!
	until_true grep -q 1 /sys/class/net/t1/carrier
	linux -n tap=t1 -- true
	kill "$pid"
	failed 125 "cannot use interface t1: " "busy" "give each VM its own"
	code "$pid"
}

# bats test_tags=irqchip
@test "two NICs and two disks" {
	make_tap t1
	truncate -s 1M a b
	linux -d a -n tap=t0 -d b -n tap=t1 -- sh -c 'ls /sys/class/net /sys/block; cat /proc/interrupts | grep -c virtio'
	ended 0
	is "$(printf '/sys/block:\nvda\nvdb\n\n/sys/class/net:\neth0\neth1\nlo\n4')" "$output"
}

@test "an interface that is deleted cuts the guest off, and nothing else" {
	"$mayfly" run -k "$kernel" -i "$initrd" -n tap=t0 --ip 10.0.0.2/24 -- sh -c 'ping -c 1 10.0.0.1 >/dev/null && echo up
		while ping -c 1 -w 1 -W 1 10.0.0.1 >/dev/null; do :; done; echo end' </dev/null >"$BATS_TEST_TMPDIR/out" 2>&1 3>&- &
	pid=$!
	until_true said up
	ip link del t0
	code "$pid"
	is 0 "$code"
	is "$(printf 'up\nmayfly: warning: t0 is gone: the guest is cut off\nend')" "$(cat "$BATS_TEST_TMPDIR/out")"
}

@test "200 times away and back, under load" {
	ping -f 10.0.0.2 >/dev/null 2>&1 3>&- || ping -A 10.0.0.2 >/dev/null 2>&1 3>&- &
	flood=$!
	linux -c 2 -n tap=t0 -- sh -c 'cd /sys/bus/virtio/drivers/virtio_net
		for i in $(seq 200); do
			ip addr add 10.0.0.2/24 dev eth0 && ip link set eth0 up || exit 1
			ping -A 10.0.0.1 >/dev/null 2>&1 &
			echo virtio0 >unbind || exit 2
			echo virtio0 >bind || exit 3
			kill $! 2>/dev/null
			[ -e /sys/class/net/eth0 ] || exit 4
		done
		ip addr add 10.0.0.2/24 dev eth0; ip link set eth0 up; ping -c 3 -w 20 10.0.0.1 >/dev/null && echo alive'
	kill "$flood" || true
	ended 0
	is alive "$output"
	is "" "$stderr"
}
