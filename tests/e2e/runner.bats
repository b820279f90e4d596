# The function runner in a real Linux: files in and out, streams, limits, signals. On a host whose KVM runs unmodified
# kernels, or in the lab.
load helpers

setup_file() { begins_within; }

setup() {
	cd "$BATS_TEST_TMPDIR"
	busybox=$(command -v busybox)
	export mayfly kernel initrd shown=$BATS_TEST_TMPDIR/typescript
	[ -z "${LAB:-}" ] || chmod 666 /dev/kvm
}

# alone [OPTION...] -- COMMAND...: in a guest that has nothing but a shell, which is the host's, and no initrd.
alone() {
	run --separate-stderr timeout 120 "$mayfly" run -k "$kernel" -f "$busybox:/bin/sh" "$@" </dev/null
}

# begin [OPTION...] -- COMMAND...: in the background, in the foreground's place; $pid. It has said "up" then.
begin() {
	set -m
	"$mayfly" run -k "$kernel" -i "$initrd" "$@" </dev/null >out 2>err 3>&- &
	pid=$!
	set +m
	until_true said up
}

gone_within() {
	local began=$SECONDS
	code "$pid"
	[ $((SECONDS - began)) -le "$1" ]
}

# --- files in, files out ---

@test "one line: a static program of the host's, a file in, a result out; from an empty directory, by any user" {
	local home=/tmp/mayfly-runner.$$ as=''
	mkdir -m 755 "$home" "$home/empty"
	cp "$mayfly" "$kernel" "$home"
	seq 5 >"$home/in.txt"
	[ "$(id -u)" != 0 ] || as="setpriv --reuid 1000 --regid 1000 --groups $(stat -c %g /dev/kvm)"
	[ -z "$as" ] || chown 1000:1000 "$home/empty"
	cd "$home/empty"
	run --separate-stderr $as timeout 60 "../${mayfly##*/}" run -k "../${kernel##*/}" -f "$busybox:/bin/sh" -f ../in.txt \
		-o /out.txt:out.txt -- /bin/sh -c 'while read -r n; do echo $((n * n)); done </in.txt >/out.txt' </dev/null
	result=$(ls -A && cat out.txt && stat -c %u out.txt) || :
	rm -r "$home"
	ended 0
	is "" "$output$stderr"
	is "$(printf '%s\n' out.txt 1 4 9 16 25 "$([ -n "$as" ] && echo 1000 || id -u)")" "$result"
}

@test "-f: directories, symlinks, modes, names, ways; what is there stays as it is" {
	mkdir -p dir/sub dir/empty etc tmp
	echo content >dir/file
	echo '#!/bin/sh' >dir/script
	echo mine >etc/mine
	echo other >tmp/file
	ln -s file dir/link
	ln -s /no/where dir/dangling
	ln -s dir/file followed
	chmod 640 dir/file
	chmod 755 dir/script
	chmod 700 dir/empty etc tmp
	echo odd >'o d:d,'
	linux -f dir -f dir/file:/a/b/renamed -f dir/file:/into/ -f dir/file:/set,mode=4755 -f dir:/into/ -f etc:/etc -f tmp:/tmp \
		-f followed -f 'o d:d,' -f dir/script:/bin/cat,mode=700 -- sh -c 'cd /
		stat -c "%a %n" dir dir/file dir/script dir/empty a a/b a/b/renamed into/file set into/dir/sub etc etc/mine tmp \
			tmp/file followed "o d:d," bin bin/cat
		for link in dir/link dir/dangling into/dir/link; do readlink $link; done
		test ! -L followed && test -s etc/passwd && sed "" a/b/renamed into/dir/link followed "o d:d," bin/cat'
	ended 0
	is "755 dir|640 dir/file|755 dir/script|700 dir/empty|755 a|755 a/b|640 a/b/renamed|640 into/file|4755 set|\
755 into/dir/sub|755 etc|644 etc/mine|1777 tmp|644 tmp/file|640 followed|644 o d:d,|755 bin|700 bin/cat|\
file|/no/where|file|content|content|content|odd|#!/bin/sh" "$(printf '%s' "$output" | tr '\n' '|')"
	alone -f dir/file:/tmp/file --user 1000 -- sh -c 'echo "$(stat -c %a /tmp)" && echo >/tmp/mine'
	ended 0
	is 1777 "$output"
}

@test "1.6 MiB of arguments and environment; -e, --env-file, -w, --user, --hostname" {
	long=$(head -c 2000 /dev/zero | tr '\0' x)
	for i in $(seq 400); do printf 'V%d=%s\n' "$i" "$long"; done >variables
	printf '# none\nA=file\n  B=b c \n' >>variables
	words=()
	for i in $(seq 400); do words+=("$i$long"); done
	HOST=host linux --env-file variables -e A=first -e "A=the last" -e HOST -e NOT_HERE -w /made/here --user 1000:2000 \
		--hostname other -- sh -c 'echo "$#-${#400}-${#V400}-$A-$B-$HOST-${NOT_HERE-none}-$PWD-$(hostname)-$(id -u):$(id -g)"
			env | wc -c; echo >mine && stat -c %u:%g mine' sh "${words[@]}"
	ended 0
	is "400-2003-2000-the last-b c-host-none-/made/here-other-1000:2000" "${lines[0]}"
	[ "${lines[1]}" -gt 800000 ]
	is "1000:2000" "${lines[2]}"
}

# tree: the initramfs as a directory.
tree() { mkdir tree && (cd tree && cpio -idm <"$initrd" 2>/dev/null); }

@test "files that do not fit into the guest's memory are no success" {
	cd "$BATS_TEST_TMPDIR"
	truncate -s 60M large
	linux -m 100M -f large -- true
	failed 122 "No space left on device" "-m"
	mkdir many
	(cd many && seq 9000 | xargs touch)
	linux -m 64M --rootdir many -- true
	failed 122 "No space left on device" "-m"
}

@test "--rootdir: a directory is the guest's /" {
	tree
	echo here >tree/root/file
	chmod 711 tree/mnt
	run --separate-stderr timeout 60 "$mayfly" run -k "$kernel" --rootdir tree -f tree/root/file:/etc/file -- \
		sh -c 'cat /root/file /etc/file; stat -c %a /mnt; readlink /bin/sh; test -c /dev/null' </dev/null
	ended 0
	is "here here 711 /bin/busybox" "${output//$'\n'/ }"
}

@test "--root: an ext4 disk that is written, overlaid or copied on write; one without a file system is 122" {
	tree
	mke2fs -q -t ext4 -d tree image 32M
	root() {
		run --separate-stderr timeout 60 "$mayfly" run -k "$kernel" --root "$1" -f variables:/etc/new/ -o /etc/new:"$2" -- \
			sh -c "$3" </dev/null
	}
	echo text >variables
	root image rw 'echo kept >/kept && rm /etc/shells && cat /etc/new/variables && mount | grep -c "^/dev/vda on / type ext4 (rw"'
	ended 0
	is "text 1" "${output//$'\n'/ }"
	is text "$(cat rw/variables)"
	e2fsck -fn image >fsck 2>&1 || { cat fsck; false; }
	is kept "$(debugfs -R 'cat /kept' image 2>/dev/null)"
	before=$(md5sum image)
	for mode in ro ephemeral; do
		root "image,$mode" "$mode" 'cat /kept && rm /kept && echo new >/etc/new/file && test ! -e /etc/shells'
		ended 0
		is kept "$output"
		is new "$(cat "$mode/file")"
		is "$before" "$(md5sum image)"
	done
	truncate -s 1M nothing
	root nothing out true
	failed 122 "could not mount its root disk"
	[ ! -e out ]
}

@test "-o: files, directories and symlinks come out whatever the exit code, several, over what was there" {
	mkdir -p there kept/d
	echo old >there/old
	echo old >file
	echo old >kept/d/old
	linux -o /o/file:file -o /o/d:new -o /o/file:there -o /o/d/sub:kept/ -o /o/link:link -- sh -c 'mkdir -p /o/d/sub
		cd /o; echo new >file; chmod 750 file; echo x >d/x; echo y >d/sub/y; ln -s x d/link; ln -s /etc/passwd link; exit 3'
	ended 3
	is "" "$stderr"
	is "new new old x y" "$(cat file there/file there/old new/x new/sub/y | tr '\n' ' ' | sed 's/ $//')"
	is "750 x /etc/passwd" "$(stat -c %a file) $(readlink new/link) $(readlink link)"
	is "old y" "$(cat kept/d/old) $(cat kept/y)"
	linux -o /o:killed -- sh -c 'echo done >/o; kill -9 $$'
	ended 137
	is "done" "$(cat killed)"
}

@test "-o: what is missing, too much, or not to be had is said, and is no success" {
	linux -o /none:none -o /there:there -- sh -c 'echo x >/there'
	failed 125 "no /none" "-o"
	linux -o /none:none -- sh -c 'exit 3'
	failed 3 "no /none" "-o"
	linux -o /big:big --out-limit 1M -- sh -c 'head -c 2000000 /dev/zero >/big'
	failed 125 "more than" "--out-limit"
	linux -o /up:late --timeout "$limit" -- sh -c 'echo up | tee /up; sleep 1000'
	failed 124 "--timeout"
	is up "$output"
	[ ! -e none ] && [ ! -e big ] && [ ! -e late ]
}

@test "files that cannot be had, or paths that cannot be written, are told before the guest runs" {
	mkdir -p here/dir
	cd here
	mkfifo fifo
	ln -s / link
	: >file # all that is there, in the end, too
	while IFS='|' read -r words text; do
		# shellcheck disable=SC2086 # several words
		run --separate-stderr timeout 120 "$mayfly" run -v -k "$kernel" -i "$initrd" $words -- true </dev/null
		failed 125 "$text" || { echo "with: $words" >&2; false; }
	done <<-'END'
		-f missing|cannot read missing: No such file
		-f /|has no name
		-f file:/../x|has . or .. in it
		-f file,mode=9|no mode
		--rootdir file|Not a directory
		--env-file missing|cannot open missing
		-e =x|no variable
		-w here|no absolute path
		--user root|no user
		--root missing|cannot open missing
		--root file --root file|second root
		-o /x:nowhere/x|cannot write to nowhere/x: No such file
		-o /x:fifo|cannot write to fifo
		-o /x:link|it is a symlink
		-o /x:file/|cannot write to file/
		-o x:y|no pair of paths
		-o /x:same -o /y:same|both
		--out-limit 1K|no limit
		--timeout 0|no duration
	END
	is "dir fifo file link" "$(echo *)"
	[ ! -s file ]
}

# --- streams ---

@test "standard input of every kind arrives, and ends" {
	count() { timeout 100 "$mayfly" run -k "$kernel" -i "$initrd" -- wc -c; }
	head -c 3000000 /dev/urandom >data
	is 16777216 "$(head -c 16777216 /dev/zero | count)"
	is 0 "$(count </dev/null)"
	is 0 "$(count <&-)"
	is 3000000 "$(count <data)"
	timeout 100 "$mayfly" run -k "$kernel" -i "$initrd" -- sh -c 'exec cat' <data >copy
	cmp data copy
	port=$((20000 + $$ % 20000))
	busybox nc -l -p "$port" <data >/dev/null 3>&- &
	until_true exec_socket
	is 3000000 "$(count <&7)"
	exec 7<&-
}

# Once, as nc serves one.
exec_socket() { exec 7<>/dev/tcp/127.0.0.1/$port; } 2>/dev/null

@test "a terminal as standard input, without -t, stays as it is; its lines and its end arrive" {
	on_terminal 'before=$(stty -g); echo ready; "$mayfly" run -k "$kernel" -i "$initrd" -- wc -c; echo "code $?"
		[ "$before" = "$(stty -g)" ] && echo unchanged' < <(type_after ready 'line\none more\n\004')
	has "$output" "14^M"
	has "$output" "code 0"
	has "$output" unchanged
}

# bats test_tags=irqchip
@test "-t: a terminal with the size and the kind of ours, which it follows; Ctrl-C is the command's" {
	on_terminal 'stty rows 33 cols 77; before=$(stty -g); export TERM=vt220
		{ until_shown "size 33 77"; stty rows 44 cols 101 </dev/tty; } &
		"$mayfly" run -k "$kernel" -i "$initrd" -t -- sh -c "trap \"echo follows \\\$(stty size)\" WINCH
			trap \"echo interrupted; exit 9\" INT; tty; echo \$TERM size \$(stty size)
			while :; do sleep 0.1; done"
		echo "code $?"; [ "$before" = "$(stty -g)" ] && echo unchanged' < <(
		type_after 'follows 44 101' '\003'
	)
	has "$output" "/dev/pts/0"
	has "$output" "vt220 size 33 77"
	has "$output" "follows 44 101"
	has "$output" "interrupted"
	has "$output" "code 9"
	has "$output" unchanged
}

# --- limits and signals ---

@test "-t: input that ends in the middle of a line ends" {
	run --separate-stderr bash -c "printf abc | timeout 60 '$mayfly' run -k '$kernel' -i '$initrd' -t -- sh -c 'stty -echo; echo ready; cat'"
	ended 0
	has "$output" abc
}

@test "--timeout, --cpu-time and --idle-timeout end sleepers, spinners, fork bombs and floods, in time" {
	while IFS='|' read -r option script; do
		began=$SECONDS
		linux "--$option" "$limit" --user 1000 -- sh -c "echo up; $script"
		failed 124 "--$option"
		is up "$output"
		[ $((SECONDS - began)) -le $((3 * limit + 5)) ]
	done <<-'END'
		timeout|exec sleep 1000
		timeout|exec </dev/null; while :; do :; done
		timeout|(ulimit -u 200; b() { while :; do b & done; }; b) 2>/dev/null & exec sleep 1000
		cpu-time|while :; do :; done
		idle-timeout|while :; do :; done
	END
}

@test "a flood that nobody reads ends with --timeout" {
	mkfifo fifo
	sleep 1000 <fifo 3>&- &
	reader=$!
	"$mayfly" run -k "$kernel" -i "$initrd" --timeout "$limit" -- yes </dev/null >fifo 2>err 3>&- &
	pid=$!
	gone_within $((limit + 10))
	kill "$reader"
	is 124 "$code"
	grep -q '^mayfly: timed out: --timeout' err
}

@test "signals are the command's: it takes them, dies of them, or is ended after --grace or by the third" {
	begin --grace 100 -- sh -c 'trap "echo usr1" USR1; trap "echo int" INT; trap "exit 7" TERM
		echo up; while :; do sleep 0.1; done'
	kill -USR1 "$pid"
	until_true said usr1
	kill -INT "-$pid" # as a terminal does
	until_true said int
	kill "$pid"
	gone_within 10
	is 7 "$code"
	begin -- sh -c 'echo up; sleep 1000'
	kill "$pid"
	gone_within 8
	is 143 "$code"
	begin --grace 2 -- sh -c 'trap "" TERM; echo up; while :; do sleep 1000; done'
	kill "$pid"
	gone_within 12
	is 143 "$code"
	begin --grace 100 -- sh -c 'trap "" TERM INT; echo up; while :; do sleep 1000; done'
	for signal in TERM INT HUP; do
		kill "-$signal" "$pid"
		sleep 0.5
	done
	gone_within 10
	is 129 "$code"
}

@test "every exit code" {
	echo text >text
	while IFS='|' read -r expected program script; do
		alone -f text -a sysrq_always_enabled --timeout "$limit" -- "$program" -c "$script"
		ended "$expected"
	done <<-'END'
		0|sh|exit 0
		1|sh|exit 1
		42|sh|exit 42
		122|sh|exit 122
		124|sh|exit 124
		125|sh|exit 125
		255|sh|exit 255
		126|/text|
		127|/missing|
		137|sh|kill -9 $$
		143|sh|kill $$
		122|sh|echo c >/proc/sysrq-trigger; sleep 1000
		124|sh|while :; do :; done
	END
}

@test "5 runs one after another and 3 side by side leave nothing behind" {
	one() { [ "$("$mayfly" run -k "$kernel" -i "$initrd" -f "$PWD/file:/file" -o /file:"out$1" -- sh -c 'cat /file; exit 7' </dev/null; echo $?)" = content7 ]; }
	printf content >file
	mkdir empty
	export TMPDIR=$PWD/empty
	before=$(traces "$PWD/file")
	for i in $(seq 5); do one "$i"; done
	pids=''
	for i in $(seq 6 8); do
		one "$i" 3>&- &
		pids="$pids $!"
	done
	for pid in $pids; do wait "$pid"; done
	is "$before" "$(traces "$PWD/file")"
	is 8 "$(cat out* | grep -o content | wc -l)"
}
