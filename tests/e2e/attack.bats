# A thread of mayfly that somebody else has taken over: the launcher with attacks built in (tests/attack), each of which
# does the real thing. attacks.bash has the table of what stops them.
load helpers
load attacks

# same NAME EXPECTED ACTUAL
same() {
	[ "$2" = "$3" ] && return
	echo "$1: expected $2, got $3" >&2
	failures=$((failures + 1))
}

setup() { failures=0; }

@test "the table of walls has each attack once" {
	is "$(printf '%s\n' $names)" "$(printf '%s\n' "$walls" | sed -n 's/^\([^ ]\+\).*/\1/p')"
	for name in $names; do
		expected "$name" " "
		case " $filter_only " in *" $name "*) is "" "$(walls_of "$name")" ;; *) [ -n "$(walls_of "$name")" ] ;; esac
	done
}

@test "the filter kills every attack, from a vCPU's thread and from a disk's" {
	for thread in vcpu disk; do
		each "$thread"
		for name in $names; do same "$thread, $name" SIGSYS "$(result "$thread" "$name")"; done
	done
	is 0 "$failures"
}

@test "it needs no jail for that" {
	asked=$again each vcpu --jail=off
	for name in $again; do same "$name" SIGSYS "$(result vcpu "$name")"; done
	is 0 "$failures"
}

@test "who ignores or blocks SIGSYS is killed all the same" {
	killed() { "$@" "$attacker" run -k "$bare" -a "test=attack n=1 thread=vcpu" </dev/null >/dev/null 2>&1 3>&-; }
	trap '' SYS
	code=0
	killed || code=$?
	trap - SYS
	is 159 "$code"
	# busybox has no such thing.
	if env --block-signal=SYS true 2>/dev/null; then
		code=0
		killed env --block-signal=SYS || code=$?
		is 159 "$code"
	fi
}

# What would be seen if the filter were not there: that the attacks are real, and which wall is the next.
@test "without filter and jail every attack succeeds" {
	tap_too vcpu --jail=off
	for name in $names; do
		expected "$name" " always "
		actual=$(result vcpu "$name")
		# What root alone may do, root who may do all (containers', too), or who has a kernel with that.
		case $(id -u):$name:$actual in
		[1-9]*:mount:EPERM | [1-9]*:packet-socket:EPERM | [1-9]*:bpf:EPERM | [1-9]*:setuid:EPERM) ;;
		[1-9]*:new-net-ns:EPERM | [1-9]*:tun:EPERM | *:new-user-ns:EPERM | *:raise-limit:EPERM) ;;
		*:io_uring:EPERM | *:*:ENOSYS) ;;
		*) same "$name" "$expected" "$actual" ;;
		esac
	done
	is 0 "$failures"
}

@test "without filter the jail stops what it can, by the wall that the table says" {
	here=$(layers)
	echo "layers: $here"
	for thread in vcpu disk; do
		tap_too "$thread"
		for name in $names; do
			expected "$name" "$here"
			actual=$(result "$thread" "$name")
			case $name:$actual in
			io_uring:EPERM | *:ENOSYS) ;;
			*) same "$thread, $name ($wall)" "$expected" "$actual" ;;
			esac
		done
	done
	is 0 "$failures"
}

@test "without that wall the next one stops it" {
	export MAYFLY_ATTACK_WITHOUT
	for without in landlock empty-root net-ns user-ns no-capabilities; do
		MAYFLY_ATTACK_WITHOUT=$without
		here=$(MAYFLY_ATTACK_FILTER=off layers)
		case $here in *" $without "*) false ;; esac
		all vcpu
		for name in $names; do
			case $(walls_of "$name") in *"$without"*' '* | *' '*"$without"*) ;; *) continue ;; esac
			expected "$name" "$here"
			[ "$wall" != nothing ] || continue
			same "$name without $without ($wall)" "$expected" "$(result vcpu "$name")"
		done
	done
	is 0 "$failures"
}

# A line an attack, with the process and the system call. The kernel drops lines when there are many (other suites make
# them, too), so each is tried again; in the lab, which is nobody else's, it is told not to.
@test "the kernel logs each denial" {
	dmesg >/dev/null 2>&1 || skip "this host's kernel log may not be read"
	asked='open memfd mprotect-exec kvm-ask'
	if [ -n "${LAB:-}" ]; then
		echo 0 >/proc/sys/kernel/printk_ratelimit
		asked=$again
	fi
	thread=disk
	for name in $asked; do
		if [ "$thread" = disk ]; then thread=vcpu; else thread=disk; fi
		for try in {1..20}; do
			truncate -s 64K "$BATS_TEST_TMPDIR/disk"
			"$attacker" run -k "$bare" -a "test=attack n=${number_of[$name]} thread=$thread" -d "$BATS_TEST_TMPDIR/disk" \
				-- x </dev/null >/dev/null 2>&1 3>&- &
			pid=$!
			code "$pid"
			is 159 "$code"
			dmesg | grep "type=1326 .* pid=$pid comm=\"mayfly-attack\" .* sig=31 .* syscall=${call_of[$name]} " && break
			sleep 1
		done
		[ -n "$(dmesg | grep " pid=$pid comm=\"mayfly-attack\" ")" ]
	done
}
