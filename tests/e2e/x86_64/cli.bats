# What only x86-64 kernels have: the launcher must look at them, and refuse.
load ../helpers

setup() { cd "$BATS_TEST_TMPDIR"; }

bad() { run --separate-stderr timeout 120 "$mayfly" run "$@" </dev/null; }

# Formats that arm64 does not have.
@test "ELF files and bzImages: truncated, of another machine, unmarked" {
	for size in 100 5000 20000; do
		head -c "$size" "$bare" >short
		bad -k short
		failed 125 "short"
	done
	for size in 600 700 2000; do
		head -c "$size" "$bare_bzimage" >short
		bad -k short
		failed 125 "short"
	done
	{ head -c 18 "$bare"; printf '\267'; tail -c +20 "$bare"; } >arm
	bad -k arm
	failed 125 "another machine"
	{ head -c 56 /dev/zero; printf 'ARM\144'; head -c 1000 /dev/zero; } >image
	bad -k image
	failed 125 "arm64 Image"
	sed 's/Xen/Nex/' "$bare" >unmarked
	bad -k unmarked
	failed 125 "no PVH entry note" "CONFIG_PVH"
}
