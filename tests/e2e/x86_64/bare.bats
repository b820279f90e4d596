# What only an x86-64 machine has, with bare guests: on any /dev/kvm.
load ../helpers

setup() { cd "$BATS_TEST_TMPDIR"; }

# A format of kernels that arm64 does not have.
@test "hello as a bzImage" {
	guest_kernel=$bare_bzimage guest hello
	ended 0
	is "hello, world" "$output"
}

# An x86 CPU that cannot even report a fault stops; one of arm64 takes its exception again, for ever.
@test "a triple fault is 122" {
	guest triplefault
	failed 122 "triple fault" "rip=0x"
}

# The same: KVM cannot emulate what is not there, and an arm64 CPU takes an exception.
@test "an instruction that cannot be fetched is 122" {
	guest nowhere
	failed 122 "rip=0xd0000000"
}
