# mayfly selftest: on any host, without KVM.
load helpers

@test "selftest: exactly what is documented passes" {
	run --separate-stderr timeout 300 "$mayfly" selftest
	is 0 "$status"
	is "" "$stderr"
	is "all main vcpu disk ephemeral net" "$(sed -n 's/^\([a-z]*\): [0-9]* tried, .*/\1/p' <<<"$output" | xargs)"
	last=$(tail -n 1 <<<"$output")
	[[ $last =~ ^([0-9]+)\ tried,\ ([0-9]+)\ denied,\ ([0-9]+)\ exempt,\ 0\ wrong$ ]]
	[ "${BASH_REMATCH[1]}" -gt 5000 ]
	[ "${BASH_REMATCH[2]}" -gt $((BASH_REMATCH[1] * 3 / 4)) ]
	# What a kernel lets pass it names.
	[ "${BASH_REMATCH[3]}" = 0 ] || grep -q '^this kernel lets pass' <<<"$output"
}

@test "selftest leaves nothing behind, and does not need /dev/kvm" {
	cd "$BATS_TEST_TMPDIR"
	name=$(uname -n)
	"$mayfly" selftest --list >list
	[ "$(wc -l <list)" -gt 60 ]
	is "" "$(grep -vE '^(main|vcpu|disk|ephemeral|net) [a-z_0-9]+( [0-9a-f*-]+)*$' list)"
	run strace -f -o trace -e trace=openat,open "$mayfly" selftest --list
	is "" "$(grep kvm trace)"
	is "$name" "$(uname -n)"
	is "list trace" "$(ls -A | xargs)"
}

@test "selftest takes options only, and says when its answer is lost" {
	run --separate-stderr "$mayfly" selftest now
	failed 125 "unexpected word 'now'"
	run --separate-stderr sh -c "'$mayfly' selftest --list >/dev/full"
	failed 125 "standard output"
}
