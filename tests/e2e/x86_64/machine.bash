# What the tests have to know of an x86-64 machine.
kernel=$files/vmlinux
bzimage=$files/bzImage
kernels="$kernel $bzimage"
bare=$files/guests/bare.elf
bare_bzimage=$files/guests/bare.bzimage
resets='acpireset kbdreset'
# Buffers that only this machine must refuse: evil=NAME.
bad_places=across-hole
load_kvm=modprobe
# How guests end, and what vCPUs are asked by then.
ends='hello kbdreset triplefault'
vcpu_ioctls=KVM_RUN
# What KVM answers to a request that a VM has not.
no_request=ENOTTY
foreign_says='an arm64 Image, which is no kernel for x86-64 guests'

most_cpus() { echo 32; }

# A kernel for another machine; one that needs a GiB.
foreign_kernel() {
	head -c 56 /dev/zero
	printf 'ARM\144'
	head -c 1000 /dev/zero
}

needy_kernel() {
	head -c $((0x260)) "$bare_bzimage"
	printf '\000\000\000\100'
	tail -c +$((0x260 + 5)) "$bare_bzimage"
}

# The README's examples name this machine's kernels.
as_here() { cat; }
