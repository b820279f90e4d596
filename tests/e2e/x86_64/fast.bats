# The kernel for functions (`make kernel-fast`), which is x86-64's: on a host whose KVM runs unmodified kernels, or in
# the lab.
load ../helpers

setup() { cd "$BATS_TEST_TMPDIR"; }

@test "the kernel for functions runs a command, without mitigations" {
	linux_kernel=$files/vmlinux-fast linux -- /bin/sh -c '
		uname -r; cat /sys/devices/system/cpu/vulnerabilities/spectre_v2; dmesg | grep -c "Kernel command line: noreplace-smp "; exit 42'
	ended 42
	has "$output" mayfly
	has "$output" Vulnerable
	is 1 "${output##*$'\n'}"
}
