# One program with everything in it: mayfly pack.
load helpers

setup() { mkdir "$BATS_TEST_TMPDIR/here" && cd "$BATS_TEST_TMPDIR/here"; }

@test "a packed program runs what it was made for, from anywhere, without the files it was made of" {
	cp "$bare" kernel
	"$mayfly" pack -o job -k kernel -a "test=exit code=7" -- workload
	rm kernel
	mkdir empty
	cd empty
	run --separate-stderr ../job more words </dev/null
	ended 7
	"$mayfly" pack -o plain -k "$bare" -a test=hello --stats stats
	run --separate-stderr ./plain </dev/null
	ended 0
	is "hello, world" "$output"
	grep -q '"exit_code": 0' stats
}

@test "the same content makes the same program, whatever its files' times are" {
	mkdir tree
	echo content >tree/file
	"$mayfly" pack -o one -k "$bare" -f tree -e A=b -- x y
	touch -d '2001-02-03 04:05:06' tree/file tree
	"$mayfly" pack -o two -k "$bare" -f tree -e A=b -- x y
	cmp one two
	echo other >tree/file
	"$mayfly" pack -o two -k "$bare" -f tree -e A=b -- x y
	run cmp -s one two
	is 1 "$status"
}

@test "what is in it is listed" {
	mkdir tree
	echo content >tree/file
	echo 'C=from a file' >variables
	echo '-m 64M' >options
	HERE=there "$mayfly" pack -o job -k "$bare" -f tree -e A=b -e HERE --env-file variables @options -c 2 -- prog 'a b'
	run --separate-stderr "$mayfly" pack --list job
	ended 0
	is "kernel: $(stat -c %s "$bare") bytes
initrd: 0 bytes
file: /tree
file: /tree/file
option: --memory=64M
option: --cpus=2
option: --env=A=b
option: --env=HERE=there
option: --env=C=from a file
command: prog
command: a b" "$output"
}

@test "a packed program is as open to others as the user wants: there may be secrets in it" {
	(umask 077 && "$mayfly" pack -o closed -k "$bare" -e TOKEN=secret -- x)
	(umask 022 && "$mayfly" pack -o open -k "$bare" -- x)
	is "700 755" "$(stat -c %a closed open | xargs)"
}

@test "a packed program can pack: the launcher in it is as good as the first" {
	"$mayfly" pack -o job -k "$bare" -a test=hello
	head -c "$(stat -c %s "$mayfly")" job >launcher
	cmp launcher "$mayfly"
}

@test "one that was cut short or changed says so, and runs nothing" {
	"$mayfly" pack -o job -k "$bare" -a test=hello
	size=$(stat -c %s job)
	for length in $((size - 1)) $((size - 8)) $((size - 100)) $(($(stat -c %s "$mayfly") + 100)); do
		head -c "$length" job >cut
		chmod +x cut
		run --separate-stderr ./cut </dev/null
		failed 125 "./cut is cut short"
	done
	for place in 200 100 9 1; do
		cp job changed
		printf '\377' | dd of=changed bs=1 seek=$((size - place)) conv=notrunc 2>/dev/null
		run --separate-stderr ./changed </dev/null
		failed 125 "./changed"
		run --separate-stderr "$mayfly" pack --list changed
		failed 125 "changed"
	done
}

@test "what cannot be packed is refused, and leaves nothing behind" {
	pack() { run --separate-stderr "$mayfly" pack "$@" </dev/null; }
	pack
	failed 125 "no file to make" "-o FILE"
	pack -o job
	failed 125 "no kernel" "-k FILE"
	pack -o job -k /nowhere
	failed 125 "/nowhere"
	echo text >text
	pack -o job -k text
	failed 125 "text"
	pack -o job -k "$bare" -i text
	failed 125 "text" "initrd"
	pack -o job -k "$bare" -f /nowhere -- x
	failed 125 "/nowhere"
	pack -o job -k "$bare" --frob
	failed 125 "--frob" "mayfly pack --help"
	pack -o /nowhere/job -k "$bare"
	failed 125 "/nowhere/job"
	pack -o job -k "$bare" --list job
	failed 125 "--list"
	pack --list "$mayfly"
	failed 125 "no packed program"
	is "text" "$(ls)"
	touch job.partial
	pack -o job -k "$bare"
	failed 125 "job.partial" "remove it"
	is "" "$(cat job.partial)"
}

@test "what it is given are words for its command, not options" {
	"$mayfly" pack -o job -k "$bare" -a "test=exit code=3" -- workload
	run --separate-stderr ./job --help -k x </dev/null
	ended 3
	"$mayfly" pack -o plain -k "$bare" -a test=hello
	run --separate-stderr ./plain word </dev/null
	failed 125 "'word'"
}
