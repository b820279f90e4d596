# What runs the tests (tests/check.pl), here with suites made up for the purpose. Needs nothing that was built.
load helpers

# The suites are the functions below; each says what it likes. They run in a directory that has nothing else but the
# tree's own suites.sh, as tests/real.sh.
setup() {
	cd "$BATS_TEST_TMPDIR"
	mkdir tests
	cp "$BATS_TEST_DIRNAME/../check.pl" tests
	cp "$BATS_TEST_DIRNAME/../suites.sh" tests/real.sh
	cp "$BATS_TEST_DIRNAME/../where.sh" tests
	suites good
	unset SUITE FAILED CI
	export JOBS=1
}

# suites NAME...: what `suites.sh list` says.
suites() {
	{
		printf '#!/bin/bash\nif [ "$1" = list ]; then printf "%%s\\n" %s; exit; fi\n' "$*"
		echo '[ "$1" = run ] || exec tests/real.sh "$@"'
		declare -f $(compgen -A function | grep -xE 'good|bad|dead|mute|loud|skipping|crash|killed|slow|wide|stubborn|left')
		printf 'exec 4>&1\nmkdir -p build/check\n"${3%%@*}" "$3" >"build/check/$3.tap" 2>"build/check/$3.err"\ncode=$?\ncat "build/check/$3.tap"\nexit $code\n'
	} >tests/suites.sh
	chmod 755 tests/suites.sh
}
good() { printf '1..2\nok 1 first in 30ms\nok 2 second in 20ms\n'; }
bad() {
	echo "$TESTS" >>asked
	printf '1..2\nok 1 first\nnot ok 2 a (b) is c+ in 7ms\n# the reason\n'
	echo "what a sanitizer says" >&2
	[ ! -e repaired ] || { printf '1..1\nok 1 a (b) is c+\n' >build/check/bad.tap; return 0; }
	return 1
}
dead() { printf '1..3\nok 1 first\n'; echo "why it died" >&2; return 7; }
mute() { :; }
loud() { printf '1..1\nok 1 first\n'; return 3; }
skipping() { printf '1..2\nok 1 first\nok 2 second # skip no such thing here\n'; }
crash() { echo 1..1; kill -9 $$; }
killed() { good >&4; kill -9 $$; }
slow() { sleep "${LASTS:-0}"; good; }

check() { run --separate-stderr tests/check.pl here "${level:-check}" ${other:-}; }
# real NAME: what the suite says that the tree's own suites.sh runs here, with the files that a test put into its place.
real() {
	run --separate-stderr tests/real.sh run here "$1"
}

last() { is "$1" "${lines[-1]}"; }

@test "what passes is counted, with the slowest tests" {
	suites good loud@lab
	sed -i 's/return 3/return 0/' tests/suites.sh
	check
	ended 0
	last "3 passed, 0 failed, 0 skipped"
	is "Linux guests run in an emulated host: this machine is $(uname -m), not here" "${lines[0]}"
	is "2 suites, 1 at a time" "${lines[1]}"
	has "$output" "passed  good                     2 passed, 0 failed, 0 skipped, 0:00"
	has "$output" "passed  loud@lab"
	has "$output" "    0.0 s  good: first"
}

@test "a test that fails is told with its reason" {
	suites good bad
	check
	ended 1
	last "3 passed, 1 failed, 0 skipped"
	has "$output" "FAILED  bad"
	has "$output" "the reason"
	has "$output" "    what a sanitizer says"
}

@test "a suite that dies, says nothing, crashes, or fails with all tests passed is a failure" {
	suites dead
	check
	ended 1
	last "1 passed, 2 failed, 0 skipped"
	has "$output" "exit code 7, 1 of 3 tests reported"
	has "$output" "why it died"
	for name in mute crash; do
		suites $name
		check
		ended 1
		last "0 passed, 1 failed, 0 skipped"
	done
	suites loud
	check
	ended 1
	last "1 passed, 1 failed, 0 skipped"
}

@test "a suite that a signal kills after its last test is a failure" {
	suites killed
	check
	ended 1
	last "2 passed, 1 failed, 0 skipped"
	has "$output" "killed: killed by signal 9, 2 of 2 tests reported"
}

# program PATH LINE...: a shell script.
program() {
	mkdir -p "$(dirname "$1")"
	{ echo '#!/bin/sh'; printf '%s\n' "${@:2}"; } >"$1"
	chmod 755 "$1"
}

@test "a unit test program that ends before its plan is a failure, and so is one that crashes" {
	mkdir -p tests/unit/deep
	for name in test_a test_b test_c deep/test_d; do : >tests/unit/$name.c; done
	program build/here/unit-san/test_a 'printf "1..1\nok 1 - one\n"'
	program build/here/unit-san/test_b 'exit 0'
	program build/here/unit-san/test_c 'printf "1..1\nok 1 - one\n"; exit 23'
	program build/here/unit-san/deep/test_d 'printf "1..2\nok 1 - one\nnot ok 2 - two\n"; exit 1'
	real unit_san
	is "ok 1 one
not ok 2 two
ok 3 one
not ok 4 test_b: exit code 0
ok 5 one
not ok 6 test_c: exit code 23
1..6" "$output"
}

@test "inputs that cannot be unpacked are a failure" {
	mkdir -p tests/fuzz/corpus
	cp "$BATS_TEST_DIRNAME/../fuzz/corpus.sh" tests/fuzz
	echo 4142 >tests/fuzz/corpus/fuzz_a.hex
	echo 414 >tests/fuzz/corpus/fuzz_b.hex
	for name in a b; do program build/here/fuzz/fuzz_$name :; done
	for suite in corpus fuzz; do
		real $suite
		grep -q '^ok 1 fuzz_a' <<<"$output"
		grep -qx 'not ok 2 fuzz_b: cannot unpack its inputs' <<<"$output"
		is 1..2 "${lines[-1]}"
	done
}

@test "a suite of many parts that is killed between them is a failure" {
	program tests/lint.sh '[ "$1" = list ] && echo one two three || [ "$1" != two ] || kill -9 $PPID'
	real lint
	grep -q '^ok 1 lint: one' <<<"$output"
	is "not ok 2 the suite broke off" "${lines[1]}"
	is 1..2 "${lines[-1]}"
}

@test "a suite without a place for its files does not run; one that is ended removes them" {
	program tests/lint.sh '[ "$1" = list ] && echo one || { : >began; sleep 1; }'
	TMPDIR=$PWD/missing real lint
	ended 1
	[ ! -e began ]
	mkdir place
	TMPDIR=$PWD/place tests/real.sh run here lint >/dev/null 2>&1 3>&- &
	until_true test -e began
	kill $!
	code $!
	is 143 "$code"
	is "" "$(ls place)"
}

@test "a list of suites that breaks off is refused, and nothing runs" {
	sed -i 's/; exit; fi$/; exit 1; fi/' tests/suites.sh
	check
	[ "$status" -gt 0 ]
	is "check.pl: suites.sh cannot list the suites" "$stderr"
	is "" "$output"
	# The real one, without its where.sh.
	rm tests/where.sh
	run -127 tests/real.sh list here check
	! grep -x cli <<<"$output"
}

@test "what is skipped is told, and fails CI" {
	suites skipping
	check
	ended 0
	last "1 passed, 0 failed, 1 skipped"
	has "$output" "no such thing here"
	CI=true check
	ended 1
}

@test "SUITE means what it names, everywhere or on one machine; other names are refused before anything is built" {
	cp tests/real.sh tests/suites.sh
	list() { tests/suites.sh list x86_64 all aarch64; }
	is "" "$(list | sort | uniq -d)"
	is "cli@aarch64 cli" "$(SUITE=cli list | xargs)"
	is "cli@aarch64" "$(SUITE=cli@aarch64 list)"
	is "lint cli@aarch64 cli" "$(SUITE=' ,lint, cli cli@aarch64,' list | xargs)"
	is "$(list)" "$(SUITE=, list)"
	is "irqchip@aarch64-gicv2" "$(SUITE=irqchip list)"
	is check-unit "$(SUITE=corpus,lint tests/suites.sh targets x86_64 check)"
	is "" "$(SUITE=lint tests/suites.sh targets x86_64 check)"
	grep -qx check-files-other <(tests/suites.sh targets x86_64 all aarch64)
	for command in list targets; do
		SUITE='lint li' run --separate-stderr tests/suites.sh $command x86_64 check
		ended 2
		has "$stderr" "make: no suite li here (there are: "
		is "" "$output"
	done
	SUITE=li run --separate-stderr tests/check.pl x86_64 check
	ended 2
	is 1 "${#stderr_lines[@]}"
}

@test "FAILED runs what failed, and of bats only its tests" {
	suites good good@lab bad
	check
	last "5 passed, 1 failed, 0 skipped"
	echo "bad	100" >build/check/times
	FAILED=1 check
	ended 1
	is '^(a \(b\) is c\+)$' "$(tail -n 1 asked)"
	is "1 suite, 1 at a time" "${lines[1]}" # and no word of the 100 seconds that all of it takes
	touch repaired
	FAILED=1 check
	ended 0
	last "1 passed, 0 failed, 0 skipped"
	FAILED=1 check
	ended 0
	is "nothing failed when it last ran" "$output"
}

@test "FAILED: where all that failed is left out here, or no suite has run yet, it says so and fails" {
	FAILED=1 check
	ended 1
	is "make: no suite has run yet (leave out FAILED=1)" "$stderr"
	suites good bad bad@lab
	level=all check
	is "bad	a (b) is c+
bad@lab	a (b) is c+" "$(cat build/check/failed)"
	suites good bad
	touch repaired
	FAILED=1 check
	ended 0
	FAILED=1 check
	ended 1
	is "make: what failed is not among these suites: bad@lab (build/check/failed)" "$stderr"
	is "" "$output"
}

@test "FAILED: a selected test that is not run, because its name changed, is a failure; then the whole suite runs" {
	suites bad
	mkdir -p build/check
	printf 'bad\ta (b) is c+\nbad\tits old name\n' >build/check/failed
	touch repaired
	FAILED=1 check
	ended 1
	last "1 passed, 1 failed, 0 skipped"
	has "$output" "exit code 0, 1 of 2 tests reported"
	FAILED=1 check
	ended 0
	is "" "$(tail -n 1 asked)"
	is "" "$(cat build/check/failed)"
}

@test "a suite that takes more than twice its usual time is named, and the expected time is told" {
	suites slow
	mkdir -p build/check
	printf 'slow\t5\t5\t5\n' >build/check/times
	LASTS=0 check
	is "" "$(printf '%s\n' "$output" | grep 'slower than usual')"
	has "$output" "about 0:05"
	has "$output" "usually 0:05"
	grep -qxP 'slow\t5\t5\t5\t[01]\.\d' build/check/times
	printf 'slow\t0.1\n' >build/check/times
	sed -i 's/NOTED      => 10/NOTED      => 0/' tests/check.pl
	LASTS=0.5 check
	has "$output" "slower than usual: slow took"
}

@test "the other architecture's tests are the same, but for its own" {
	mkdir -p tests/e2e/here tests/e2e/other
	printf '@test "own" {\n' | tee tests/e2e/here/x.bats >tests/e2e/other/x.bats
	printf '# bats test_tags=slow\n@test "second" {\n' >tests/e2e/x.bats
	export other=other level=all
	suites good good@other slow@other-old
	check
	ended 0
	last "7 passed, 0 failed, 0 skipped"
	# One that is skipped there, and a tag that nothing runs.
	suites good good@other slow@other-old
	sed -i 's/^"\${3.*/if [ "$3" = good@other ]; then skipping; else "${3%%@*}"; fi >"build\/check\/$3.tap"/' tests/suites.sh
	printf '# bats test_tags=slow\n@test "third" {\n' >>tests/e2e/x.bats
	check
	ended 1
	last "5 passed, 1 failed, 1 skipped"
	has "$output" "the same tests everywhere: FAILED"
	has "$output" "good, on here only: second"
	has "$output" "slow@other-old has not run: third"
}

@test "what failed is kept after each suite, though the run is interrupted later" {
	suites bad slow
	LASTS=1000.75 tests/check.pl here check >out 2>&1 3>&- &
	pid=$!
	until_true grep -q 'begins  slow' out
	kill "$pid"
	code "$pid"
	is "bad	a (b) is c+" "$(cat build/check/failed)"
}

@test "a second run in the same directory waits for the first, and says so" {
	suites bad
	mkdir -p build/check
	exec 9>build/check/lock
	flock 9
	tests/check.pl here check >out 2>err 3>&- 9>&- &
	pid=$!
	until_true grep -qx 'make: waiting for another run of tests in this directory' err
	is "" "$(cat out)"
	printf 'good\t\n' >build/check/failed # by the first
	exec 9>&-
	code "$pid"
	is 1 "$code"
	is "bad	a (b) is c+
good	" "$(cat build/check/failed)"
}

@test "JOBS says how many suites run at once, in the environment and on the command line of make" {
	cp "$BATS_TEST_DIRNAME/../tests.mk" tests
	printf 'check-build:\n\techo "built: $(MAKEFLAGS)"\n' >Makefile
	# Those rules alone that run the tests.
	sed -n '/^PARALLEL = /p; /^check: LEVEL/p; /^check check-all:/,/^$/p' tests/tests.mk >>Makefile
	mkdir images
	program images/deps.sh :
	suites good
	sed -i 's/^if \[/[ "$1" != targets ] || { echo check-build; exit; }\n&/' tests/suites.sh
	unset JOBS MAKEFLAGS MAKELEVEL
	run make ARCH=here check JOBS=3
	ended 0
	has "$output" "built:  -j$(nproc) "
	has "$output" "1 suite, 3 at a time"
	JOBS=3 run make ARCH=here check
	ended 0
	has "$output" "1 suite, 3 at a time"
	for jobs in 0 -j2 two; do
		JOBS=$jobs check
		ended 2
		is "make: JOBS=$jobs is not a number of suites" "$stderr"
	done
}

@test "where Linux guests run is told, with the reason if it is not this machine's KVM" {
	why=$(tests/where.sh "$(uname -m)" why)
	case $(tests/where.sh "$(uname -m)") in
	host) is "Linux guests run on this machine's KVM" "$why" ;;
	lab) has "$why" "Linux guests run in an emulated host: "; grep -q "/dev/kvm\|VT-x" <<<"$why" ;;
	esac
}

@test "as many suites run at once as there are processors, but labs only as many as the memory has room for" {
	unset JOBS
	program bin/nproc 'echo 4'
	PATH=$PWD/bin:$PATH
	sed -i "s|/proc/meminfo|meminfo|" tests/check.pl
	echo "MemAvailable: 7400000 kB" >meminfo # two labs
	suites good bad dead mute loud
	check
	has "$output" "5 suites, 4 at a time"
	suites good good@a good@b bad
	check
	has "$output" "4 suites, 4 at a time"
	suites good good@a good@b good@c
	check
	has "$output" "4 suites, 2 at a time"
}

# mine NUMBER: so many processes of the suites run that sleep for as long as no other test does.
export LONG=1000.$$
mine() { is "$1" "$(pgrep -cfx "sleep $LONG")"; }
# Processes that leave the suite's process group, and its session.
wide() { timeout 2000 sleep "$LONG" & setsid sleep "$LONG"; }
stubborn() { setsid sh -c 'trap "" TERM; sleep "$LONG"'; }

@test "what is interrupted ends with all that it started, and tells the signal" {
	suites wide slow
	for signal in TERM:143 INT:130 HUP:129 QUIT:131; do
		JOBS=2 LASTS=$LONG env --default-signal tests/check.pl here check >out 2>&1 3>&- &
		pid=$!
		until_true mine 3
		kill -s "${signal%:*}" "$pid"
		code "$pid"
		is "${signal#*:}" "$code"
		is "make: interrupted" "$(tail -n 1 out)"
		mine 0
	done
}

@test "what does not heed the signal is killed" {
	suites stubborn
	tests/check.pl here check >out 2>&1 3>&- &
	until_true mine 1
	kill $!
	code $!
	is 143 "$code"
	mine 0
}

@test "a run whose reader has gone ends with all that it started; under nohup SIGHUP ends nothing" {
	suites good slow
	export LASTS=$LONG
	{ JOBS=2 tests/check.pl here check 3>&- || echo $? >code; } | head -n 1
	is 141 "$(cat code)"
	mine 0
	nohup env --default-signal=INT tests/check.pl here check >out 2>&1 3>&- &
	until_true mine 1
	kill -HUP $!
	sleep 0.3
	mine 1
	kill $!
	code $!
	is 143 "$code"
}

@test "what a suite leaves running is ended at the end of the run" {
	left() { sleep "$LONG" >/dev/null 2>&1 4>&- & good; }
	suites left
	check
	ended 0
	mine 0
	# Not what an outer run of tests has started.
	MAYFLY_CHECK=1.1 sleep "$LONG" 3>&- &
	MAYFLY_CHECK=1.1 run tests/check.pl
	is 2 "$status"
	MAYFLY_CHECK=1.1 check
	mine 1
	kill $!
}
