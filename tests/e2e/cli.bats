# What bad input gets: one line with object, reason and fix, 125, and nothing changed. Needs no KVM but where a
# kernel's content is looked at.
load helpers

setup() { cd "$BATS_TEST_TMPDIR"; }

# bad ARG...: mayfly run must refuse.
bad() { run --separate-stderr timeout 120 "$mayfly" run "$@" </dev/null; }

@test "no command, unknown command, help, version" {
	run --separate-stderr "$mayfly"
	failed 125 "no command"
	run --separate-stderr "$mayfly" fly
	failed 125 "unknown command 'fly'"
	run --separate-stderr "$mayfly" --version
	ended 0
	has "$output" "mayfly "
	run --separate-stderr "$mayfly" --help
	ended 0
	has "$output" "mayfly run -k"
	run --separate-stderr "$mayfly" run --help
	ended 0
	has "$output" "--kernel FILE"
	[ "${#lines[@]}" -le 48 ]
}

@test "unknown options, missing values, words that are not options" {
	bad -k "$bare" --frobnicate
	failed 125 "unknown option '--frobnicate'"
	bad -k "$bare" -z
	failed 125 "unknown option '-z'"
	bad -k
	failed 125 "'-k' needs a value"
	bad --kernel=
	failed 125 "needs a value"
	bad -k "$bare" -vx
	failed 125 "takes no value"
	bad -k "$bare" /bin/sh
	failed 125 "unexpected word '/bin/sh'"
	bad -k "$bare" --
	failed 125 "no command after '--'"
	bad
	failed 125 "no kernel"
	bad -k "$bare" -v --console log
	failed 125 "--console and -v"
	[ ! -e log ]
}

@test "0 and 33 CPUs, 1 MiB and 10 TiB of memory, and other numbers" {
	for cpus in 0 33 -1 two 1x 99999999999999999999 ''; do
		bad -k "$bare" "--cpus=$cpus"
		ended 125
		is "mayfly: " "${stderr:0:8}"
	done
	for memory in 1M 15M 65G 10T 0 -5 lots 16MM 99999999999999999999G 18446744073709551615; do
		bad -k "$bare" -m "$memory"
		failed 125 "'$memory'" "16M to 64G"
	done
}

@test "kernels: missing, a directory, empty, random, truncated, compressed, of another machine" {
	bad -k missing
	failed 125 "cannot open missing" "No such file"
	bad -k /
	failed 125 "regular file"
	: >empty
	bad -k empty
	failed 125 "empty"
	head -c 100000 /dev/urandom >random
	printf 'x' | dd of=random conv=notrunc 2>/dev/null
	bad -k random
	failed 125 "random"
	for size in 10 63; do
		head -c "$size" "$bare" >short
		bad -k short
		failed 125 "short"
	done
	gzip -c "$bare" >zipped
	bad -k zipped
	failed 125 "gzip" "gunzip"
	foreign_kernel >foreign
	bad -k foreign
	failed 125 "$foreign_says"
}

@test "initrds: missing, empty, random, truncated, too large" {
	bad -k "$bare" -i missing
	failed 125 "cannot open missing"
	: >empty
	bad -k "$bare" -i empty
	failed 125 "empty"
	head -c 1000 /dev/zero | tr '\0' x >random
	bad -k "$bare" -i random
	failed 125 "random" "no initramfs"
	mkdir -p tree && head -c 30000 /dev/zero >tree/file
	(cd tree && echo file | cpio -o -H newc 2>/dev/null) >whole
	head -c 20000 whole >short
	bad -k "$bare" -i short
	failed 125 "cut short"
	truncate -s 40M large
	dd if=whole of=large conv=notrunc 2>/dev/null
	bad -k "$bare" -i large -m 32M
	failed 125 "the initrd needs" "-m"
}

@test "disks: missing, a directory, a device that is none, empty, odd, in use; too many" {
	cd "$BATS_TEST_TMPDIR"
	truncate -s 1M disk
	truncate -s 1000 odd
	: >empty
	mkfifo fifo
	guest hello -d nowhere
	failed 125 "cannot open nowhere" "truncate"
	for name in . fifo /dev/null; do
		guest hello -d "$name,ro"
		failed 125 "$name" "block device"
	done
	guest hello -d empty
	failed 125 "empty" "truncate"
	guest hello -d odd
	failed 125 "odd" "1000 bytes" "truncate -s %512"
	guest hello -d disk -d disk
	failed 125 "cannot use disk" "one writer"
	guest hello -d disk,rw
	failed 125 "'rw'"
	guest hello -d disk,ro,ephemeral
	failed 125 "both 'ro' and 'ephemeral'"
	# shellcheck disable=SC2046
	guest hello $(printf -- '-d disk,ro %.0s' {1..9})
	failed 125 "one device too many"
	# shellcheck disable=SC2046
	guest hello $(printf -- '-d disk,ro,queues=8 %.0s' {1..8}) -c "$(most_cpus)"
	ended 0
}

@test "NICs: none named, a descriptor that is none, an interface that may not be made" {
	guest hello -n mtu=1500
	failed 125 "--net" "tap=NAME"
	guest hello -n fd=9
	failed 125 "descriptor 9" "Bad file descriptor"
	guest hello --ip 10.0.0.2/24
	failed 125 "--ip" "--net"
	local without=
	[ "$(id -u)" != 0 ] || without='setpriv --bounding-set -net_admin'
	run --separate-stderr $without "$mayfly" run -k "$bare" -a test=hello -n tap=mayfly-test </dev/null
	failed 125 "cannot use interface mayfly-test" "ip tuntap add"
}

@test "counters that cannot be written are an error before the guest runs, or in the end" {
	guest hello --stats /nowhere/stats
	failed 125 "cannot write /nowhere/stats"
	guest hello --stats /dev/full
	is "hello, world" "$output"
	is 1 "$(printf '%s\n' "$stderr" | grep -c "cannot write /dev/full: No space left on device (")"
	guest hello --stats "$BATS_TEST_TMPDIR/stats"
	ended 0
	grep -q '"exit_code": 0' "$BATS_TEST_TMPDIR/stats"
}

@test "counters on a standard stream leave it what it is" {
	run --separate-stderr bash -c "'$mayfly' run -k '$bare' -a test=hello --stats fd:2 </dev/null"
	ended 0
	is "hello, world" "$output"
	has "$stderr" '"exit_code": 0'
	guest hello --stats fd:2 -d /nowhere
	failed 125 "/nowhere"
}

# bats test_tags=irqchip
@test "as many devices, queues and CPUs as there may be" {
	cd "$BATS_TEST_TMPDIR"
	# shellcheck disable=SC2046
	run --separate-stderr netns "$mayfly" run -k "$bare" -a test=hello -c "$(most_cpus)" \
		$(printf -- '-n tap=t%d,queues=8 ' {1..8}) --stats stats </dev/null
	ended 0
	is "hello, world" "$output"
	is 8 "$(grep -c '"kind": "net", "name": "t[1-8]"' stats)"
}

@test "what was never meant to be overwritten is not: disks as logs or counters; a FIFO without a reader" {
	cd "$BATS_TEST_TMPDIR"
	truncate -s 1M disk
	for option in --stats --console; do
		guest hello -d disk "$option" disk
		failed 125 "cannot write disk: it is in use"
		guest hello -d disk,ro "$option" disk
		failed 125 "cannot write disk: it is in use"
		is 1048576 "$(stat -c %s disk)"
	done
	mkfifo fifo
	guest hello --stats fifo
	failed 125 "cannot write fifo: "
}

@test "a limit on the size of files ends nothing by a signal" {
	cd "$BATS_TEST_TMPDIR"
	truncate -s 8M disk
	run --separate-stderr bash -c "ulimit -f 1024; '$mayfly' run -k '$bare' -a test=hello -d disk,ephemeral </dev/null"
	failed 125 "cannot make a scratch file of 8 MiB for disk" "TMPDIR"
	run --separate-stderr bash -c "ulimit -f 1; '$mayfly' run -k '$bare' -a test=blkrw -d disk -- x </dev/null"
	[ "$status" -lt 128 ] && [ "$status" -gt 0 ]
	has "$stderr" "warning: cannot write disk: File too large"
}

@test "a kernel that needs more memory than there is" {
	needy_kernel >big
	bad -k big -m 64M
	failed 125 "give it more with -m"
}

@test "a command line that is too long" {
	bad -k "$bare" -a "$(head -c 3000 /dev/zero | tr '\0' x)"
	failed 125 "command line" "-a"
}

@test "a log that cannot be written" {
	bad -k "$bare" --console /nowhere/log
	failed 125 "cannot write /nowhere/log"
}

@test "a start that fails leaves the log as it was, and makes none" {
	echo precious >log
	bad -k missing --console log
	failed 125 "cannot open missing"
	is precious "$(cat log)"
	bad -k missing --console new
	ended 125
	[ ! -e new ]
}

@test "help that cannot be written is no success" {
	run --separate-stderr bash -c "'$mayfly' run --help >/dev/full"
	failed 125 "cannot write standard output"
	run --separate-stderr bash -c "'$mayfly' --version >/dev/full"
	failed 125 "cannot write standard output"
}

@test "a user with very many groups can start" {
	[ "$(id -u)" = 0 ] || skip "needs root to have many groups"
	run setpriv --groups "$(seq -s, 10000 11000)" "$mayfly" run -k "$bare" -a test=hello </dev/null
	is "hello, world" "$output"
}

@test "control characters in names do not reach the terminal" {
	bad -k "$(printf 'a\033[31mb\nc')"
	failed 125 "a?[31mb?c"
}

# A root directory with a /dev of its own; in the build directory, as /tmp may be mounted without devices.
other_root() {
	root=$(mktemp -d "$files/root.XXXXXX")
	mkdir "$root/dev"
	mknod -m 666 "$root/dev/null" c 1 3
	cp "$mayfly" "$bare" "$root"
	chmod 755 "$root" "$root/mayfly" "$root/dev"
	mv "$root/${bare##*/}" "$root/bare"
	chmod 644 "$root/bare"
}

# nobody_in ROOT COMMAND...: busybox's chroot changes no user; where it is, setpriv is static.
nobody_in() {
	if chroot --help 2>&1 | grep -q userspec; then
		chroot --userspec=65534:65534 --groups= "$@"
	else
		cp "$(command -v setpriv)" "$1/setpriv"
		local root=$1
		shift
		chroot "$root" /setpriv --reuid=65534 --regid=65534 --clear-groups "$@"
	fi
}

teardown() { [ -z "${root:-}" ] || rm -rf "$root"; }

@test "no /dev/kvm, no permission on it, something else in its place" {
	[ "$(id -u)" = 0 ] || skip "needs root, for a /dev without KVM"
	other_root
	run --separate-stderr chroot "$root" /mayfly run -k /bare </dev/null
	failed 125 "cannot open /dev/kvm: No such file" "$load_kvm"
	mknod -m 600 "$root/dev/kvm" c 10 232
	run --separate-stderr nobody_in "$root" /mayfly run -k /bare </dev/null
	failed 125 "cannot open /dev/kvm: Permission denied" "kvm group"
	rm "$root/dev/kvm"
	mknod -m 666 "$root/dev/kvm" c 1 3
	run --separate-stderr chroot "$root" /mayfly run -k /bare </dev/null
	failed 125 "/dev/kvm is not KVM"
}
