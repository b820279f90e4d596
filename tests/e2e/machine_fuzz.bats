# A bare guest that accesses everything it can reach at random (tests/guests/machine_fuzz.c): on any /dev/kvm. An exit
# code that is not 0 is the number of the check there that failed. To hunt for longer: other seeds, and millions.
load helpers

# 1 MiB, whose sectors say their number.
setup() {
	cd "$BATS_TEST_TMPDIR"
	awk 'BEGIN {
		for (sector = 0; sector < 2048; sector++)
			for (i = 0; i < 64; i++) printf "%07d\n", sector
	}' >text
	cp text disk
	cp text base
	cp text ro
}

disks='-d disk,queues=2 -d base,ephemeral -d ro,ro'

# total NAME: the sum of a counter over all devices in ./stats; value NAME: a number that is there once.
total() { sed -n "s/.*\"$1\": \([0-9]*\).*/\1/p" stats | awk '{ n += $1 } END { print n + 0 }'; }
value() { sed -n "s/.*\"$1\": \([0-9]*\).*/\1/p" stats; }

# at_least LOW NUMBER
at_least() {
	[ "$1" -le "$2" ] && return
	printf 'expected: %s or more\ngot:      %s\n' "$1" "$2" >&2
	return 1
}

# lived: the guest found its devices in order at the end, and mayfly said no more than that rings were broken, once
# each.
lived() {
	ended 0
	is "" "$(printf '%s\n' "$stderr" | sed '/^mayfly: warning: the guest broke queue [0-9]* of [a-z0-9]*: the device stops until its driver resets it$/d')"
	is "" "$(printf '%s\n' "$stderr" | sed 's/.* of //' | sort | uniq -d)"
	cmp text ro
	cmp text base
}

# fuzz SEED COUNT: two CPUs at once make COUNT accesses each.
fuzz() { job "machinefuzz seed=$1 count=$2 others=1" -m 16M -c 2 $disks --console console --stats stats; }

# What a guest can make mayfly do may take no memory of it: eight times as much takes as much (the guest touches all of
# its RAM first), but for what the host's kernel rounds: it counts pages by the dozen, on each CPU.
# bats test_tags=irqchip
@test "random accesses to the whole machine by two CPUs: it lives, and takes no more memory" {
	fuzz 1 500
	lived
	before=$(value peak_rss_kib)
	fuzz 1 4000
	lived
	at_least "$(value peak_rss_kib)" $((before + 512))
	at_least 5000 "$(value all)"
	# It got as far as to the files, and was refused.
	[ -s console ]
	for counter in reads writes others errors interrupts; do at_least 5 "$(total $counter)"; done
}

alone() {
	timeout 100 "$mayfly" run -k "$bare" -a "test=machinefuzz seed=2 count=2000 others=1" -m 16M -c 2 -n tap=t0,queues=2 $disks \
		--stats stats -- workload </dev/null &
	for i in $(seq 400); do
		ip route add 224.0.0.0/4 dev t0 2>/dev/null && break
		sleep 0.01
	done
	while kill -0 $!; do # always some in the queue, but the CPUs are the guest's
		for i in $(seq 50); do echo hello >/dev/udp/224.0.0.1/9 || true; done
		sleep 0.1
	done 2>/dev/null
	wait $!
}

@test "the same with a NIC, while packets come" {
	netns true 2>/dev/null || skip "user namespaces are forbidden here"
	export mayfly bare disks
	run --separate-stderr netns bash -c "$(declare -f alone); alone"
	lived
	for counter in tx_packets kicks; do at_least 1 "$(total $counter)"; done
}
