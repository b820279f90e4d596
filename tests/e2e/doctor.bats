# What mayfly says of the host. Its KVM may or may not run Linux, or not be there at all.
load helpers

doctor() { run --separate-stderr timeout 120 "$mayfly" doctor "$@" </dev/null; }

# finding STATUS CHECK TEXT...: one of the lines is of CHECK, with STATUS, and has each TEXT.
finding() {
	local line status=$1 check=$2
	line=$(printf '%s\n' "$output" | grep "^$(printf '%-8s' "$status")$check: ") || {
		printf 'no %s of %s in: %s\n' "$status" "$check" "$output" >&2
		return 1
	}
	shift 2
	for text in "$@"; do has "$line" "$text"; done
}

# lacks GREP-ARGUMENT...: no line of the output is such.
lacks() {
	if printf '%s\n' "$output" | grep "$@" >&2; then return 1; fi
}

# no_finding CHECK
no_finding() { lacks "^[a-z]*  *$1: "; }

# The exit code goes with the findings.
code_fits() {
	if printf '%s\n' "$output" | grep -q '^fail'; then is 1 "$status"; else is 0 "$status"; fi
	is "" "$stderr"
}

# A root directory with a /dev of its own; in the build directory, as /tmp may be mounted without devices.
other_root() {
	[ "$(id -u)" = 0 ] || skip "needs root, for a /dev of its own"
	root=$(mktemp -d "$files/root.XXXXXX")
	mkdir "$root/dev" "$root/etc"
	cp "$mayfly" "$root"
	chmod 755 "$root" "$root/mayfly" "$root/dev" "$root/etc"
	printf 'root:x:0:0::/:/bin/sh\nmay:x:65534:65534::/:/bin/sh\n' >"$root/etc/passwd"
	printf 'root:x:0:\nkvm:x:36:somebody\nfly:x:65534:\n' >"$root/etc/group"
	chmod 644 "$root"/etc/*
}

teardown() { [ -z "${root:-}" ] || rm -rf "$root"; }

# as_may [OPTION...]: in that root, as a user who is nobody special.
as_may() {
	if chroot --help 2>&1 | grep -q userspec; then
		run --separate-stderr chroot --userspec=65534:65534 --groups= "$root" /mayfly doctor "$@"
	else
		cp "$(command -v setpriv)" "$root/setpriv"
		run --separate-stderr chroot "$root" /setpriv --reuid=65534 --regid=65534 --clear-groups /mayfly doctor "$@"
	fi
}

# bats test_tags=irqchip
@test "doctor: a line a finding; what fails, and only that, has a fix and exit code 1" {
	doctor
	code_fits
	finding ok kernel "Linux $(uname -r)"
	finding ok /proc
	finding ok seccomp
	finding ok limits "open files"
	finding info "huge pages"
	finding info Landlock
	finding info "user namespaces"
	lacks -vE '^(ok  |info|warn|fail)    [A-Za-z/ ]+: .+'
	lacks -E '^(warn|fail).*[^)]$'
	output=$(printf '%s\n' "$output" | grep -vE '\(CAP_NET_ADMIN\)$')
	lacks -E '^ok.*\)$'
}

# bats test_tags=irqchip
@test "doctor: 0 where tests run Linux guests, 1 where they do not" {
	if [ -n "${LAB:-}" ] || [ "$("$here/../where.sh" "$(uname -m)")" = host ]; then
		doctor
		ended 0
		finding ok /dev/kvm "may be used"
		finding ok KVM "API version 12"
		finding ok VM
		finding ok guests "Linux can run"
	else
		doctor
		ended 1
		finding fail guests || finding fail /dev/kvm
		lacks '^ok  *guests'
	fi
}

@test "doctor --json: an array of objects with the same findings" {
	doctor
	count=$(printf '%s\n' "$output" | wc -l)
	doctor --json
	is "[" "$(printf '%s\n' "$output" | head -n 1)"
	is "]" "$(printf '%s\n' "$output" | tail -n 1)"
	objects='^ \{"check": "[^"]+", "status": "(ok|info|warn|fail)", "text": "[^"]+", "fix": ("[^"]+"|null)\}'
	is "$count" "$(printf '%s\n' "$output" | grep -cE "$objects,?\$")"
	# All but the last have a comma, and nothing else is there.
	is $((count - 1)) "$(printf '%s\n' "$output" | grep -cE "$objects,\$")"
	is $((count + 2)) "$(printf '%s\n' "$output" | wc -l)"
	has "$output" '{"check": "/proc", "status": "ok", "text": "mounted", "fix": null}'
	if printf '%s\n' "$output" | grep -q '"fail"'; then is 1 "$status"; else is 0 "$status"; fi
	lacks -E '"status": "(warn|fail)".*"fix": null'
}

@test "doctor: bad usage, help, and standard output that fails" {
	doctor --jsn
	failed 125 "unknown option '--jsn'"
	is "" "$output"
	doctor now
	failed 125 "unexpected word 'now'"
	doctor -- now
	failed 125 "unexpected word"
	doctor --help
	ended 0
	has "$output" "--json"
	has "$output" "Exit codes"
	run --separate-stderr bash -c "'$mayfly' doctor >/dev/full"
	failed 125 "cannot write standard output: No space left"
	run --separate-stderr "$mayfly" --help
	has "$output" "mayfly doctor [--json]"
}

@test "doctor: too few open files, too little address space" {
	run --separate-stderr bash -c "ulimit -n 511; '$mayfly' doctor"
	ended 1
	finding fail limits "open files: at most 511" "ulimit -n 512"
	run --separate-stderr bash -c "ulimit -n 512; '$mayfly' doctor"
	finding ok limits "open files: at most 512"
	run --separate-stderr bash -c "ulimit -v 1048576; '$mayfly' doctor"
	finding warn limits "address space: at most 1024 MiB" "ulimit -v unlimited"
	code_fits
}

@test "doctor: no /dev/kvm, something else in its place, no /proc" {
	other_root
	run --separate-stderr chroot "$root" /mayfly doctor
	ended 1
	finding fail /proc "mount -t proc"
	finding fail /dev/kvm "No such file" "$load_kvm"
	finding warn /dev/net/tun "modprobe tun"
	no_finding KVM
	no_finding VM
	: >"$root/dev/kvm"
	run --separate-stderr chroot "$root" /mayfly doctor
	ended 1
	finding fail /dev/kvm "no character device"
	rm "$root/dev/kvm"
	mknod -m 666 "$root/dev/kvm" c 1 3
	run --separate-stderr chroot "$root" /mayfly doctor
	ended 1
	finding ok /dev/kvm
	finding fail KVM "/dev/kvm is not KVM" "a Linux host with KVM is needed"
	no_finding VM
}

@test "doctor: no permission on /dev/kvm, and which group gives it" {
	other_root
	mknod "$root/dev/kvm" c 10 232
	chmod 660 "$root/dev/kvm"
	chown 0:36 "$root/dev/kvm"
	as_may
	ended 1
	finding fail /dev/kvm "Permission denied" "groups fly," "group kvm" "usermod -aG kvm may" "log in again"
	# A member since this session began; a group without a name.
	printf 'kvm:x:36:somebody,may\n' >"$root/etc/group"
	as_may
	finding fail /dev/kvm "groups 65534," "(log in again"
	chown 0:4711 "$root/dev/kvm"
	as_may
	finding fail /dev/kvm "group 4711" "usermod -aG 4711 may"
	# Nobody's help but root's.
	chown 0:0 "$root/dev/kvm"
	as_may
	finding fail /dev/kvm "chgrp kvm /dev/kvm"
	finding warn taps "ip tuntap add"
	as_may --json
	ended 1
	has "$output" '{"check": "/dev/kvm", "status": "fail", "text": "Permission denied'
}
