# What only an x86-64 machine has, with Linux: on a host whose KVM runs unmodified kernels, or in the lab.
load ../helpers

setup() { cd "$BATS_TEST_TMPDIR"; }

# A format of kernels that arm64 does not have.
@test "a bzImage runs a command as a vmlinux does" {
	linux_kernel=$bzimage linux -- /bin/sh -c 'echo out; echo err >&2; exit 42'
	ended 42
	is out "$output"
	is err "$stderr"
}

@test "4 CPUs with a bzImage" {
	linux_kernel=$bzimage linux -c 4 -- nproc
	ended 0
	is 4 "$output"
}

# On arm64 all of them are one call to PSCI.
@test "every way to reboot ends the VM on the first try" {
	for type in k a t; do
		run bash -c "echo 'reboot -f' | timeout 60 '$mayfly' run -k '$kernel' -i '$initrd' -a 'quiet reboot=$type'"
		case $type in
		t) is 122 "$status" ;; # a triple fault is a crash, whoever made it
		*) is 0 "$status" ;;
		esac
	done
}
