# Disks and NICs with bare guests, most of which misuse them: on any /dev/kvm. Their tests are in
# tests/guests/virtio_*.c; an exit code that is not 0 is the number of the check there that failed.
load helpers

# 1 MiB, whose sectors say their number.
setup_file() {
	awk 'BEGIN {
		for (sector = 0; sector < 2048; sector++)
			for (i = 0; i < 64; i++) printf "%07d\n", sector
	}' >"$BATS_FILE_TMPDIR/text"
}

setup() {
	cd "$BATS_TEST_TMPDIR"
	text=$BATS_FILE_TMPDIR/text
	cp "$text" disk
	# Where the machine is emulated, storms are short: the same ones blow for longer on a machine's own KVM.
	short=${E2E_FILES:+rounds=200}
}

# number NAME: the first device's counter in ./stats.
number() { sed -n "/\"kind\"/{s/.*\"$1\": \([0-9]*\).*/\1/p;q}" stats; }

# between LOW HIGH NUMBER
between() {
	[ "$1" -le "$3" ] && [ "$3" -le "$2" ] && return
	printf 'expected: %s to %s\ngot:      %s\n' "$1" "$2" "$3" >&2
	return 1
}

warning='mayfly: warning: the guest broke queue 0 of disk: the device stops until its driver resets it'

# evil NAME [OPTION...]: the disk must be as before, and the VM alive.
evil() {
	local name=$1
	shift
	echo "evil=$name"
	job "evil evil=$name $short" -d disk --stats stats "$@"
	ended 0
	cmp "$text" disk
}

# breaks NAME... [-- OPTION...]: each breaks the ring, once, and the host hears of it once.
breaks() {
	local name names=()
	while [ $# -gt 0 ] && [ "$1" != -- ]; do
		names+=("$1")
		shift
	done
	shift || true
	for name in "${names[@]}"; do
		evil "$name" "$@"
		is "$warning" "$stderr"
		is 1 "$(number errors)"
		is 1 "$(number interrupts)"
	done
}

# lives ERRORS NAME [OPTION...]: it breaks nothing, and ERRORS requests are refused.
lives() {
	local errors=$1
	shift
	evil "$@"
	is "" "$stderr"
	is "$errors" "$(number errors)"
}

# either NAME [OPTION...]: it may break the ring or not, more than once.
either() {
	evil "$@"
	[ -z "$stderr" ] || is "$warning" "$stderr"
}

# --- good drivers ---

@test "registers, configuration and the steps of the status" {
	local guest_kernel
	for guest_kernel in $bare ${bare_bzimage:-}; do
		job "blkprobe sectors=2048" -d disk
		ended 0
		is "" "$stderr"
	done
}

@test "1000 sectors are written in disorder and read back; the counters know" {
	truncate -s 1M empty
	job blkrw -d empty --stats stats
	ended 0
	is "" "$stderr"
	head -c 512000 "$text" | cmp - <(head -c 512000 empty)
	is 0 "$(tail -c +512001 empty | tr -d '\0' | wc -c)"
	is 1000 "$(number writes)"
	is 512000 "$(number written_bytes)"
	is 127 "$(number reads)"
	is 577536 "$(number read_bytes)"
	is 2 "$(number others)"
	is 1 "$(number errors)" # a request of no known type
	is 0 "$(number interrupts)"
	is 1130 "$(number interrupts_suppressed)"
	between 1129 1131 "$(number kicks)" # a start is one, and the last may not have been looked at
}

@test "what is written to an ephemeral disk is not in its file" {
	before=$(cat disk | tr 0-9 a-j | tee other | sha256sum)
	job blkrw -d other,ephemeral
	ended 0
	is "$before" "$(sha256sum <other)"
}

@test "a read-only disk refuses to be written, discarded and zeroed" {
	job blkro -d disk,ro --stats stats
	ended 0
	is "" "$stderr"
	cmp "$text" disk
	is 3 "$(number errors)"
	is 0 "$(number writes)"
}

@test "discard and write-zeroes change what they say, and refuse what is not there" {
	job blkzero -d disk
	ended 0
	is "" "$stderr"
	zeros() { head -c $(($1 * 512)) /dev/zero; }
	sectors() { tail -c +$(($1 * 512 + 1)) "$text" | head -c $(($2 * 512)); }
	{ sectors 0 8; zeros 17; sectors 25 1; zeros 2; sectors 28 2020; } | cmp - disk
}

# bats test_tags=irqchip
@test "two queues, a CPU each" {
	job blkqueues -c 2 -d disk,queues=2 --stats stats
	ended 0
	is "" "$stderr"
	is 1005 "$(number reads)"
}

# bats test_tags=irqchip
@test "interrupts wake a sleeping CPU, for answers and for a broken ring" {
	job blkirq -d disk --stats stats
	ended 0
	is "$warning" "$stderr"
	is 101 "$(number interrupts)"
	is 0 "$(number interrupts_suppressed)"
}

# bats test_tags=irqchip
@test "an interrupt comes where the driver wants one, and nowhere else" {
	job blkevents -d disk --stats stats
	ended 0
	is "" "$stderr"
	is 1 "$(number interrupts)"
	is 99 "$(number interrupts_suppressed)"
}

# --- rings that break: the device says so and stops; after a reset it is as good as before ---

@test "loops of descriptors" {
	breaks loop loop-of-nothing
}

@test "descriptors that are not in the table" {
	breaks next next-max head head-max
}

@test "an available index that jumps too far, or back" {
	breaks jump jump-far jump-back
}

@test "indirect descriptors, which were not offered, and readable ones after writable ones" {
	breaks indirect order
}

@test "memory beyond the RAM, over its end, in the hole, in a device, and around 2^64" {
	breaks beyond over-end hole device irqchip wrap wrap-exactly far long header status
	breaks over-end hole $bad_places -- -m 5G
}

@test "a good chain before the bad one is answered" {
	breaks second
}

@test "a broken device does nothing until it is reset, whatever is written" {
	breaks stubborn
}

@test "a ring that breaks eleven times is one warning" {
	evil again
	is "$warning" "$stderr"
	is 11 "$(number errors)"
}

# ticks: user and system time that $pid has used.
ticks() { cut -d ' ' -f 14,15 "/proc/$pid/stat" | tr ' ' + | { read -r sum && echo $((sum)); }; }

@test "a broken ring costs no CPU time" {
	start blkidle -d disk
	until_true said broken
	before=$(ticks)
	sleep 1
	after=$(ticks)
	kill "$pid"
	code "$pid"
	is 143 "$code"
	between 0 30 $((after - before))
}

# --- requests and registers that make no sense ---

@test "sectors that do not exist, and data that is not whole sectors" {
	lives 14 sector
	lives 8 size
}

@test "headers of less than 16 bytes, and no room for the status" {
	lives 16 short-header
	lives 2 no-status
}

@test "rings of a bad size or outside the RAM are refused" {
	lives 0 sizes
	lives 0 places
	lives 0 places -m 3G
}

@test "rings in the last bytes of the RAM and above 4 GiB work" {
	lives 0 last-bytes
	lives 0 last-bytes -m 5G
	lives 0 high -m 5G
}

@test "queue registers are ignored once the queue is ready" {
	lives 0 rewrite
	lives 0 rewrite-early
	lives 0 unready
}

@test "queues that do not exist are selected and kicked" {
	lives 0 select
	lives 0 notify
	lives 0 notify -c 2
}

@test "kicks and requests before the driver is ready" {
	lives 0 early-kick
	lives 0 not-ok
}

@test "features that were not offered are not accepted" {
	lives 0 features
}

@test "any offset and width in configuration space and registers" {
	lives 0 config
	lives 0 widths
}

# --- storms ---

# bats test_tags=irqchip
@test "resets under load: nothing touches memory after one" {
	lives 0 reset-storm
}

@test "20000 kicks need no exit to the launcher" {
	start blkstorm -d disk --stats stats
	until_true said quiet
	syscalls=$(sed -n 's/^syscw: //p' "/proc/$pid/io" || true)
	kill "$pid"
	code "$pid"
	is 143 "$code"
	between 20000 20002 "$(number kicks)"
	is 1 "$(number reads)"
	between 0 1000 "${syscalls:-0}" # where the kernel counts them: a kick through the launcher is a write
}

@test "rings that lie on one another, and are read onto: only the guest suffers" {
	either used-over-desc
	either read-on-rings
}

@test "two CPUs at odds: one sets up and resets, the other kicks and changes what is looked at" {
	either two-cpus -c 2
	either two-drivers -c 2
	either flip -c 2
}

# --- NICs, in a network namespace; the launcher makes the interface ---

# alone FUNCTION: in a namespace of its own; its output and exit code.
alone() {
	netns true 2>/dev/null || skip "user namespaces are forbidden here"
	export mayfly bare short
	run --separate-stderr netns bash -euc "$(declare -f talk_to "$1"); $1"
}

# talk_to TEST: it runs, and listens.
talk_to() {
	rm -f console
	timeout 120 "$mayfly" run -k "$bare" -a "test=$1 $short" -n tap=t0,mac=52:54:00:12:34:56 --console console \
		--stats stats -- workload </dev/null 3>&- &
	for i in $(seq 400); do
		grep -qs listening console && break
		sleep 0.05
	done
	ip addr add 10.0.0.1/24 dev t0
}

talk() {
	talk_to nettalk
	sed -n 's/^ *t0: *\([0-9]*\) *\([0-9]*\) .*/\2 packet of \1 bytes/p' /proc/net/dev
	echo hello >/dev/udp/10.0.0.2/9
	wait $!
}

flood() {
	talk_to netstorm
	ip route add 224.0.0.0/4 dev t0
	while kill -0 $! 2>/dev/null; do echo hello >/dev/udp/224.0.0.1/9 || true; done 2>/dev/null
	wait $!
}

# bats test_tags=irqchip
@test "a NIC sends a frame, is asked for its address, and gets what is sent there" {
	alone talk
	ended 0
	is "1 packet of 60 bytes" "$output"
	is "" "$stderr"
	is 2 "$(number tx_packets)"
	is 120 "$(number tx_bytes)"
	is 0 "$(number dropped)"
}

misbehave() {
	timeout 120 "$mayfly" run -k "$bare" -a test=netevil -n tap=t0 --stats stats -- workload </dev/null
}

@test "packets and buffers that make no sense are dropped, broken rings are reset" {
	alone misbehave
	ended 0
	is "mayfly: warning: the guest broke queue 0 of t0: the device stops until its driver resets it" "$stderr"
	is 4 "$(number tx_packets)"
	is 15 "$(number dropped)" # ten headers, a huge packet, two buffers, two rings
}

@test "resets of a NIC while packets come" {
	alone flood
	ended 0
	is "" "$stderr"
	between 1 1000000 "$(number rx_packets)"
	between 1 1001 "$(number tx_packets)"
}
