# What the tests have to know of an arm64 machine.
kernel=$files/Image
kernels=$kernel
bare=$files/guests/bare.image
resets=reset
# Buffers that only this machine must refuse: evil=NAME.
bad_places='below uart'
load_kvm=EL2
# How guests end, and what vCPUs are asked by then.
ends='hello reset badmmio'
vcpu_ioctls='KVM_RUN|(KVM_ARM_SET_DEVICE_ADDR or )?KVM_GET_ONE_REG' # strace cannot tell the two
# What KVM answers to a request that a VM has not.
no_request=EINVAL
foreign_says='an ELF file, which is no kernel for arm64 guests'

# A GICv2 serves eight.
most_cpus() { if grep -q GICv3 /proc/interrupts; then echo 32; else echo 8; fi; }

# A kernel for another machine; one that needs a GiB.
foreign_kernel() { printf '\177ELF\002\001\001'; head -c 1000 /dev/zero; }

needy_kernel() {
	head -c 16 "$bare"
	printf '\000\000\000\100\000\000\000\000'
	tail -c +25 "$bare"
}

# The README's examples name x86-64's kernels.
as_here() { sed 's/vmlinux/Image/; s/bzImage/Image/'; }
