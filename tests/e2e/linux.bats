# Commands in a real Linux: on a host whose KVM runs unmodified kernels, or in the lab.
load helpers

setup() { cd "$BATS_TEST_TMPDIR"; }

# bats test_tags=irqchip
@test "stdout, stderr and the exit code are the command's" {
	linux -- /bin/sh -c 'echo out; echo err >&2; exit 42'
	ended 42
	is out "$output"
	is err "$stderr"
}

# The exit codes of all that can be executed: runner.bats.
@test "not found; not executable" {
	linux -- no-such-program
	failed 127 "cannot run 'no-such-program'"
	linux -- /etc/passwd
	failed 126 "cannot run '/etc/passwd'" "Permission denied"
}

@test "10 MB of random stdin arrive as they are" {
	head -c 10000000 /dev/urandom >data
	is "$(sha256sum <data)" "$(timeout 60 "$mayfly" run -k "$kernel" -i "$initrd" -- sha256sum <data)"
}

# bats test_tags=irqchip
@test "10 MB go through and back, through pipes" {
	head -c 10000000 /dev/urandom >data
	cat data | timeout 60 "$mayfly" run -k "$kernel" -i "$initrd" -- cat | cmp - data
}

@test "output larger than every buffer keeps its order across stdout and stderr" {
	linux -- sh -c 'for i in $(seq 300); do echo "out $i"; echo "err $i" >&2; done; seq 50000'
	ended 0
	is "$(seq 300 | sed 's/^/err /')" "$stderr"
	is "$({ seq 300 | sed 's/^/out /'; seq 50000; } | md5sum)" "$(printf '%s\n' "$output" | md5sum)"
}

@test "without the window the channel carries the data itself" {
	head -c 9000 /dev/urandom >data # nine frames and a bit, each byte two exits
	timeout 60 "$mayfly" run -k "$kernel" -i "$initrd" -a "mayfly_inline" -- cat <data | cmp - data
}

@test "a reader that leaves gives the command its SIGPIPE" {
	run bash -c "timeout 120 '$mayfly' run -k '$kernel' -i '$initrd' -- yes </dev/null | head -n 1; echo \${PIPESTATUS[0]}"
	is "$(printf 'y\n141')" "$output"
}

@test "a command that closes its stdin does not hang us" {
	run bash -c "yes | timeout 120 '$mayfly' run -k '$kernel' -i '$initrd' -- sh -c 'exec <&-; sleep 0.2; echo done'"
	is "done" "$output"
}

@test "processes left behind do not keep the VM" {
	linux -- sh -c 'sleep 1000 & echo started; exit 3'
	ended 3
	is started "$output"
}

@test "arguments arrive as they are, and many of them" {
	linux -- printf '<%s>' '' ' ' 'a b' "it's" '"' '$x' 'ä' -- "$(printf 'new\nline')"
	ended 0
	is "<>< ><a b><it's><\"><\$x><ä><--><$(printf 'new\nline')>" "$output"
	# shellcheck disable=SC2046 # one argument a number
	is 20000 "$("$mayfly" run -k "$kernel" -i "$initrd" -- sh -c 'echo $#' sh $(seq 20000))"
}

@test "more arguments than Linux takes are refused, not cut" {
	# shellcheck disable=SC2046 # one argument a number
	run --separate-stderr "$mayfly" run -k "$kernel" -i "$initrd" -- sh -c 'echo $#' sh $(yes a | head -n 140000) </dev/null
	case $status in
	0) is 140000 "$output" ;;
	*) failed 126 "shorter" ;;
	esac
}

@test "what the initramfs has in /tmp is in sight" {
	mkdir -p tree/tmp
	printf '#!/bin/sh\necho from tmp\n' >tree/tmp/prog
	chmod 755 tree/tmp/prog
	{ cat "$initrd"; (cd tree && find tmp | cpio -o -H newc 2>/dev/null); } >both
	run --separate-stderr timeout 60 "$mayfly" run -k "$kernel" -i both -- /tmp/prog </dev/null
	ended 0
	is "from tmp" "$output"
}

# bats test_tags=irqchip
@test "the guest has the memory and the CPUs it was given" {
	linux -c 2 -m 512M -- sh -c 'nproc; awk "/MemTotal/ { print int(\$2 / 1024) }" /proc/meminfo'
	ended 0
	is 2 "${lines[0]}"
	[ "${lines[1]}" -ge 480 ] && [ "${lines[1]}" -le 512 ]
}

@test "4 GiB of memory" {
	linux -m 4G -- awk '/MemTotal/ { print int($2 / 1024) }' /proc/meminfo
	ended 0
	[ "$output" -ge 3900 ] && [ "$output" -le 4096 ]
}

@test "what programs expect is there" {
	linux -- sh -c 'test -c /dev/null && test -e /proc/self && test -d /sys/kernel && test -d /dev/pts && echo x >/tmp/x &&
		echo x >/dev/shm/x && ping -c 1 -w 5 127.0.0.1 >/dev/null && test -e /dev/fd/0 && hostname && test ! -e /.mayfly'
	ended 0
	is mayfly "$output"
}

# To open a UART takes exits; where the log is wanted, the console is one.
@test "init's console is no UART where nobody reads it" {
	linux -- sh -c 'set -e; echo lost >/dev/console; cat /proc/consoles'
	ended 0
	has "$output" ttynull
	linux -v -- sh -c 'echo seen >/dev/console; cut -d " " -f 1 /proc/consoles'
	is ttyS0 "$output"
	has "$stderr" seen
}

# bats test_tags=irqchip
@test "a kernel panic is 122, in a plain boot too" {
	linux -- sh -c 'echo c >/proc/sysrq-trigger; sleep 10'
	failed 122 "panicked"
	linux -v -a "quiet rdinit=/nowhere init=/nowhere"
	ended 122
	has "$stderr" "Kernel panic"
}

@test "a command that powers off or reboots is 122" {
	for word in poweroff reboot; do
		linux -- sh -c "$word -f; sleep 10"
		failed 122 "without saying how its workload ended"
	done
}

# bats test_tags=irqchip
@test "a plain boot gives a shell on the console; poweroff and reboot end it with 0" {
	for word in poweroff reboot; do
		run bash -c "echo 'echo sum \$((6 * 7)); $word -f' | timeout 60 '$mayfly' run -k '$kernel' -i '$initrd' -a quiet"
		is 0 "$status"
		has "$output" "sum 42"
	done
}

# bats test_tags=irqchip
@test "Debian's unmodified cloud kernel runs a command, one and two CPUs" {
	for cpus in 1 2; do
		linux_kernel=$debian linux -m 512M -c "$cpus" -- sh -c 'uname -v; nproc; echo err >&2; exit 7'
		ended 7
		has "$output" "Debian"
		is "$cpus" "${lines[1]}"
		is err "$stderr"
	done
}

@test "Debian's kernel powers off" {
	run bash -c "echo 'poweroff -f' | timeout 60 '$mayfly' run -k '$debian' -i '$initrd' -m 512M -a quiet"
	is 0 "$status"
}

@test "timeout(1) ends a Linux guest, and says so" {
	begins_within
	run --separate-stderr timeout "$limit" "$mayfly" run -k "$kernel" -i "$initrd" -- sh -c 'echo up; sleep 100' </dev/null
	[ "$status" = 143 ] || ended 124 # busybox's leaves it to mayfly
	is up "$output"
}

@test "the guest's clock is the host's" {
	before=$(date +%s)
	linux -- date +%s
	after=$(date +%s)
	ended 0
	echo "$before <= $output <= $after" >&2
	[ "$output" -ge "$((before - 1))" ] && [ "$output" -le "$((after + 1))" ] # an RTC counts whole seconds
}

@test "SIGTERM ends a Linux guest" {
	"$mayfly" run -k "$kernel" -i "$initrd" -- sh -c 'echo up; sleep 100' </dev/null >"$BATS_TEST_TMPDIR/out" 2>&1 3>&- &
	pid=$!
	until_true said up
	kill "$pid"
	code "$pid"
	is 143 "$code"
}

@test "the README's examples work as they are written" {
	[ -e "$files/README.md" ] || cp "$BATS_TEST_DIRNAME/../../README.md" "$BATS_TEST_TMPDIR"
	[ ! -e "$files/README.md" ] || cp "$files/README.md" "$BATS_TEST_TMPDIR"
	for file in "$mayfly" $kernels "$initrd"; do ln -s "$file" .; done
	sed -n '/^```sh$/,/^```$/p' README.md | grep -v '^```' | as_here >examples
	[ "$(wc -l <examples)" -ge 4 ]
	while read -r example; do
		PATH=$PWD:$PATH timeout 60 bash -c "$example" >out 2>err </dev/null || { cat out err >&2; false; }
		cat out >>all
	done <examples
	grep -q 5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03 all
	for line in 'exit code: 42' 1000 'exit code: 124' kept changed 2 welcome 'Hello world'; do
		grep -qx "$line" all || { echo "no '$line' in:" && cat all; } >&2
		grep -qx "$line" all
	done
	is 2 "$(grep -cx kept all)"
	grep -q -- -mayfly all
}
