# What benchmarks measure with: it measures, and says so when it cannot. (x86-64: the floor program's guest is.)
load ../helpers

setup() {
	cd "$BATS_TEST_TMPDIR"
	bench=$(realpath "$here/../bench")
	programs=$(realpath "$files/bench")
}

needs_kvm() { [ -w /dev/kvm ] || skip "no /dev/kvm that this user may use"; }

@test "measure runs programs in turns, and tells five numbers of each run" {
	"$programs/measure" 3 -- one /bin/echo x -- other /bin/sh -c 'echo y; exit 3' >lines
	is "one other one other one other" "$(cut -f 1 lines | xargs)"
	awk -F '\t' 'NF != 6 || $2 <= 0 || $3 < $2 || $5 < 0 || $6 <= 0 { exit 1 }' lines
	jq -Rn -f "$bench/summary.jq" lines >summary
	is 3 "$(jq .other.runs summary)"
	is true "$(jq '.one.first_us | .least <= .median and .median <= .p99' summary)"
}

@test "measure does not take what says nothing, or ends in another way than before" {
	run --separate-stderr "$programs/measure" 1 -- mute /bin/true
	ended 1
	is "measure: mute: said nothing" "$stderr"
	run --separate-stderr "$programs/measure" 2 -- fickle /bin/sh -c 'echo x; mkdir once'
	ended 1
	has "$stderr" "measure: fickle: ended in another way than before"
	run --separate-stderr "$programs/measure" 1 -- none /none
	ended 1
	is "measure: none: No such file or directory" "$stderr"
	run --separate-stderr "$programs/measure" 0 -- x /bin/true
	ended 1
}

@test "the floor program runs its guest, with as many CPUs and as much memory as is said" {
	needs_kvm
	for options in "" "-c 4" "-m 5000 -c 2"; do
		# shellcheck disable=SC2086 # words
		run --separate-stderr timeout 120 "$programs/floor" $options
		ended 0
		is "!" "$output"
	done
}

@test "the guest that all are measured with says a byte, and ends" {
	needs_kvm
	run --separate-stderr timeout 120 "$mayfly" run -k "$programs/guest.elf"
	ended 0
	is "!" "$output"
}

@test "a crowd is started, looked at and ended, and nothing is left" {
	needs_kvm
	"$programs/crowd" 5 2 "$bench/look.sh" "$mayfly" run -k "$programs/guest-stays.elf" -m 16 >seen
	is "5 0" "$(jq -r '"\(.count) \(.left)"' seen)"
	is true "$(jq '.look == null or .look.own.private_dirty_kib > 0' seen)"
	run --separate-stderr "$programs/crowd" 3 3 "$bench/look.sh" /bin/false
	ended 1
	has "$stderr" "some ended, and should not"
}

@test "a figure meets its target, misses it, is beyond its bound, or was not measured" {
	verdict() { sed -nE "s/^$1.*	([^	]*)\$/\1/p" table; }
	jq -n '{binary_bytes: 1024, start: {ratios: {first_to_floor: 2, first_to_qemu: 0.1, exit_to_floor: 1, exit_to_qemu: 0.5},
		mayfly: {cpu_first_us: {median: 3}}}}' >few.json
	"$bench/budget.sh" "$PWD/few.json" >table
	is met "$(verdict 'binary')"
	is missed "$(verdict 'exec to the guest')"
	is "not measured" "$(verdict 'exits in a plain boot')"
	is "$(grep -cvE '^(#|$)' "$bench/budget")" "$(($(wc -l <table) - 1))"
	jq -n '{start: {ratios: {first_to_floor: 99}}}' >bad.json
	run --separate-stderr "$bench/budget.sh" "$PWD/bad.json"
	ended 1
	has "$output" "BEYOND ITS BOUND"
	jq 'del(.start.ratios.exit_to_floor)' few.json >lost.json
	run --separate-stderr "$bench/budget.sh" "$PWD/lost.json"
	ended 1
	is 1 "$(grep -c 'NO SUCH FIGURE$' <<<"$output")"
}
