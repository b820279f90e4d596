# mayfly check-kernel: what it says of this machine's kernels, of files that are none, and of configurations. Needs no
# KVM.
load helpers

setup() { cd "$BATS_TEST_TMPDIR"; }

# check ARG...
check() { run --separate-stderr timeout 120 "$mayfly" check-kernel "$@" </dev/null; }

# lines_of NAME: what the last run said of it.
lines_of() { printf '%s\n' "$output" | sed -n "/^$1:/p"; }

case $(uname -m) in x86_64) name=x86-64 ;; aarch64) name=arm64 ;; esac

# All that mayfly needs of this machine's kernels.
full_config() {
	for option in BINFMT_ELF TTY SERIAL_8250 SERIAL_8250_CONSOLE SERIAL_OF_PLATFORM SERIAL_8250_PNP BLK_DEV_INITRD \
		SIGNALFD VIRTIO_MMIO VIRTIO_BLK VIRTIO_NET INET UNIX98_PTYS DEVTMPFS PROC_FS SYSFS TMPFS \
		PROC_PAGE_MONITOR IPV6 EXT4_FS SQUASHFS EROFS_FS OVERLAY_FS PVH KVM_GUEST ACPI PCI RTC_DRV_PL031 \
		RTC_HCTOSYS; do
		echo "CONFIG_$option=y"
	done
	echo CONFIG_SERIAL_8250_NR_UARTS=2
	echo CONFIG_SERIAL_8250_RUNTIME_UARTS=2
	case $name in x86-64) echo CONFIG_X86_64=y ;; arm64) echo CONFIG_ARM64=y ;; esac
}

@test "check-kernel: our kernels" {
	for file in $kernels; do
		check "$file"
		ended 0
		is "" "$stderr"
		for line in 'format: ' "architecture: $name" 'version: [0-9.]*-mayfly$' 'entry: 0x' 'memory: [0-9]* MiB' \
			"boots on $name: yes" 'configuration: not known'; do
			printf '%s\n' "$output" | grep -q "^$line" || { echo "no $line in $output" >&2; false; }
		done
	done
}

@test "check-kernel: a distribution's kernel, a bare guest" {
	check "$debian"
	ended 0
	printf '%s\n' "$output" | grep -q '^version: 6[0-9.]*-[0-9].*-cloud-[a-z0-9]*$'
	check "$bare"
	ended 0
	has "$output" "boots on $name: yes"
	is "" "$(lines_of version)"
}

@test "check-kernel: files that mayfly does not boot" {
	foreign_kernel >foreign
	check foreign
	ended 1
	has "$output" "boots on $name: no, it is $foreign_says"
	gzip -c "$bare" >zipped
	check zipped
	ended 1
	has "$output" "gunzip"
	echo '#!/bin/sh' >script
	check script
	ended 1
	has "$output" "format: none"
	has "$output" "is a script"
	: >empty
	check empty
	ended 1
	needy_kernel >big
	check big
	ended 0
	printf '%s\n' "$output" | grep -q '^memory: 10[0-9][0-9] MiB'
	is "" "$stderr"
}

@test "check-kernel: a configuration with all, without a need, with modules" {
	full_config >all
	check "$kernel" --config all
	ended 0
	has "$output" "missing: nothing"
	is "" "$(lines_of note)"
	awk '{ printf "%s\r\n", $0 }' all >dos
	check --config=dos "$kernel"
	ended 0
	has "$output" "missing: nothing"
	# A disk is not for every guest.
	sed 's/\(CONFIG_VIRTIO_BLK\)=y/# \1 is not set/' all >diskless
	check "$kernel" --config diskless
	ended 0
	is "missing: CONFIG_VIRTIO_BLK (disks: -d)" "$(lines_of missing)"
	sed 's/UARTS=2/UARTS=1/; s/\(VIRTIO_NET\)=y/\1=m/; s/EROFS_FS=y/EROFS_FS=n/' all >poor
	check "$kernel" --config poor
	ended 1
	has "$output" "missing: CONFIG_SERIAL_8250_NR_UARTS>=2 (a command: "
	has "$output" "missing: CONFIG_VIRTIO_NET (NICs: -n; a module: mayfly's init loads none"
	has "$output" "note: no CONFIG_EROFS_FS ("
	# One of a kernel for other guests.
	sed 's/CONFIG_X86_64=y/X/; s/CONFIG_ARM64=y/X/' all >other
	check "$kernel" --config other
	ended 1
	has "$output" "(always: an $name kernel)"
}

@test "check-kernel: a configuration from a pipe" {
	full_config >all
	run --separate-stderr sh -c "cat all | '$mayfly' check-kernel '$kernel' --config /dev/stdin"
	ended 0
	has "$output" "missing: nothing"
}

@test "check-kernel: files that are no configurations" {
	full_config >all
	gzip -c all >config.gz
	check "$kernel" --config config.gz
	failed 125 "config.gz is compressed with gzip" "(unpack it first: zcat config.gz >config)"
	is "" "$output"
	eval "$(printf '%s\n' "$stderr" | sed 's/.*(unpack it first: //; s/)$//')"
	cmp all config
	for file in "$kernel" /dev/null; do
		check "$kernel" --config "$file"
		ended 125
		has "$stderr" "(give the kernel's .config)"
	done
	check "$kernel" --config missing
	failed 125 "cannot read missing: No such file"
	check "$kernel" --config .
	failed 125 "Is a directory"
}

@test "check-kernel: an embedded configuration is seen" {
	cp "$bare" with
	printf 'IKCFG_ST\037\213\010xxxxIKCFG_ED' >>with
	check with
	ended 0
	has "$output" "configuration: inside, compressed (scripts/extract-ikconfig KERNEL >config"
}

@test "check-kernel: usage" {
	check --help
	ended 0
	has "$output" "--config FILE"
	check
	failed 125 "no kernel is given"
	check "$kernel" "$kernel"
	failed 125 "unexpected word"
	check "$kernel" --frob
	failed 125 "unknown option '--frob'" "mayfly check-kernel --help"
	check "$kernel" -- true
	failed 125 "runs no command"
	check missing
	failed 125 "cannot open missing"
	check /
	failed 125 "regular file"
	run --separate-stderr sh -c "'$mayfly' check-kernel '$kernel' >/dev/full"
	failed 125 "cannot write standard output: No space left"
	run --separate-stderr sh -c "'$mayfly' check-kernel --help >/dev/full"
	failed 125 "cannot write standard output: No space left"
}
