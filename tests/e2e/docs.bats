# What the papers say is true.
load helpers

root=$BATS_TEST_DIRNAME/../..

@test "every option of --help is in the manual, and the other way round" {
	help=$(for command in run doctor; do "$mayfly" "$command" --help; done | sed -n 's/^ .*--\([a-z-]*\).*/\1/p' | sort -u)
	manual=$(sed -n 's/^\.It .*Fl -\([a-z-]*\).*/\1/p' "$root/docs/mayfly.1" | sort -u)
	[ -n "$help" ]
	is "$help" "$manual"
}

@test "the exit codes of the README, the manual and --help are the same" {
	for code in 122 125 126 127 159; do
		grep -q "\b$code\b" "$root/README.md"
		grep -q "\b$code\b" "$root/docs/mayfly.1"
	done
	has "$("$mayfly" run --help)" "122"
}

@test "the README's calls are in the list of those that are run in a guest" {
	# linux.bats runs each ```sh block of the README; here: there are some, and they name the files that make leaves.
	[ "$(grep -c '^```sh' "$root/README.md")" -ge 4 ]
}

@test "every make target that the papers name exists" {
	for target in $(grep -oh 'make [a-z]*' "$root/README.md" "$root/HACKING.md" | awk '{ print $2 }' | sort -u); do
		case $target in alone|is|and|there|a|it|them) continue ;; esac
		grep -q "^$target:" "$root/Makefile" || { echo "no target $target" >&2; false; }
	done
}

@test "every file that HACKING names exists" {
	for file in $(grep -oE '`[a-z_0-9/.]+\.(c|h|sh|bats|config|S)`' "$root/HACKING.md" | tr -d '`' | sort -u); do
		[ -e "$root/$file" ] || { echo "no file $file" >&2; false; }
	done
}

# docs/network.md, in a network namespace where we are root.
@test "the five lines for the host's network work as they are written" {
	sed -n '/^```sh$/,/^```$/p' "$root/docs/network.md" | grep -v '^```' >"$BATS_TEST_TMPDIR/lines"
	is 5 "$(wc -l <"$BATS_TEST_TMPDIR/lines")"
	run netns sh -e -c '. "$1"; ip -o link show master mayfly0; cat /proc/sys/net/ipv4/ip_forward; nft list ruleset' sh "$BATS_TEST_TMPDIR/lines"
	is 0 "$status"
	has "$output" "tap0: "
	has "$output" "masquerade"
	is 1 "$(printf '%s\n' "$output" | sed -n 2p)"
}
