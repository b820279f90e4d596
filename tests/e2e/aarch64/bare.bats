# What only an arm64 machine has, with bare guests.
load ../helpers

setup() { cd "$BATS_TEST_TMPDIR"; }

# x86-64 has ports for what are calls here.
# bats test_tags=irqchip
@test "PSCI answers as the guest's kernel needs it" {
	job psci -c 2
	ended 0
}

# KVM decodes every access of an x86-64 guest; here it needs the CPU's help, and gets it for plain ones.
@test "an access to a device that KVM cannot decode is 122" {
	for kind in 0:0xa000000 1:0x9000000 2:0x20000000 3:0x50000000; do
		guest "badmmio kind=${kind%:*}" -m 256M
		failed 122 "${kind#*:}, which is no memory" "pc=0x"
		is "" "$output"
	done
}

# An x86-64 guest's interrupt controller serves all CPUs that mayfly allows.
# bats test_tags=irqchip
@test "more CPUs than the interrupt controller serves are refused" {
	guest hello -c 9
	case $(most_cpus) in
	8) failed 125 "GICv2" "8 CPUs" "-c" ;;
	*) ended 0 ;;
	esac
}

# x86-64 has pages of one size.
@test "a kernel whose pages the CPU does not have is refused" {
	{ head -c 24 "$bare"; printf '\004'; tail -c +26 "$bare"; } >other
	[ "$(cmp -l "$bare" other | wc -l)" = 1 ]
	guest_kernel=other guest hello
	# The Cortex-A72, the lab's, has none of 16 KiB.
	if grep -q 'CPU part.*0xd08' /proc/cpuinfo || [ "$status" != 0 ]; then
		failed 125 "pages of 16 KiB" "4K_PAGES"
	else
		is "hello, world" "$output"
	fi
}

# The time of day is no device's on x86-64: KVM tells it.
@test "the clock tells the host's time" {
	job "clock now=$(date +%s)"
	ended 0
}
