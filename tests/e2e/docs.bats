# What the papers say is true.
load helpers

root=$BATS_TEST_DIRNAME/../..

# helped COMMAND: "LETTER NAME" of each option in its help, but for --help itself; "-" if there is no letter.
helped() { "$mayfly" "$1" --help | sed -nE 's/^  (-(.),|   ) --([a-z-]+) .*/\2 \3/p' | sed 's/^ /- /' | grep -v ' help$' | sort; }

# manual COMMAND: the same in its part of the manual.
manual() {
	awk -v command="$1" '/^\.Sh/ { part = "" } /^\.Sh DESCRIPTION/ { part = "run" } /^\.Ss mayfly / { part = $3 } part == command' \
		"$root/docs/mayfly.1" | sed -nE 's/^\.It (Fl (.) , )?Fl -([a-z-]+).*/\2 \3/p' | sed 's/^ /- /' | grep -v ' help$' | sort
}

# synopsis COMMAND: its flags there, a letter or a word each.
synopsis() {
	awk -v command="$1" '/^\.Sh/ { part = "" } /^\.Sh SYNOPSIS/ { part = "-" } /^\.Cm/ && part { part = $2 } part == command' \
		"$root/docs/mayfly.1" | grep -oE 'Fl -?[a-z][a-z-]*' | cut -c4- | sed 's/^-//' | grep -v '^help$' | sort
}

@test "every option of every command's --help is in the manual, and the other way round" {
	for command in run pack doctor check-kernel selftest; do
		help=$(helped "$command")
		[ -n "$help" ]
		is "$help" "$(manual "$command")"
		# The last line of the synopsis is no command's.
		is "$(printf '%s\n' "$help" | sed 's/^- //; s/ .*//' | sort)" "$(synopsis "$command" | grep -v '^version$')"
		grep -q "^  mayfly $command" <("$mayfly" --help)
	done
	is "run pack doctor check-kernel selftest" "$("$mayfly" --help | sed -nE 's/^  mayfly ([a-z-]+).*/\1/p' | grep -v '^--' | xargs)"
	grep -q '^\.It Cm @ Ns Ar file' "$root/docs/mayfly.1"
}

@test "every option that the papers name exists" {
	options=$(for command in run pack doctor check-kernel selftest; do "$mayfly" "$command" --help; done | grep -oE -- '--[a-z-]+' | sort -u)
	for option in $(grep -ohE '`--[a-z-]+' "$root/README.md" "$root"/docs/*.md | tr -d '`' | sort -u); do
		grep -qx -e "$option" <<<"$options" || { echo "no option $option" >&2; false; }
	done
}

@test "the exit codes of the code, the README, the manual and --help are the same" {
	codes=$(sed -nE 's/^\tCODE_[A-Z_]+ = ([0-9]+).*/\1/p' "$root/vmm/base/exitcode.h" | grep -vx -e 0 -e 128)
	is 5 "$(wc -w <<<"$codes")"
	codes=$(printf '%s\n' $codes 159) # the kernel's, which a shell shows
	is "$codes" "$(sed -nE 's/^\| (1[0-9]{2}(, 1[0-9]{2})*) \|.*/\1/p' "$root/README.md" | tr -s ', ' '\n')"
	is "$codes" "$(sed -n '/^\.Sh EXIT STATUS/,/^\.Sh EXAMPLES/s/^\.It \(1[0-9]*\)$/\1/p' "$root/docs/mayfly.1")"
	is "$codes" "$("$mayfly" run --help | sed -n '/^Exit codes:/,$p' | grep -oE '\b1[0-9]{2}\b' | grep -vx 128; echo 159)"
}

# only_options: a mayfly that takes its options apart, files of them too, and does nothing with them.
only_options() {
	mkdir -p "$BATS_TEST_TMPDIR/bin"
	printf '#!/bin/bash\nexec "%s" "$1" --help "${@:2}" >/dev/null\n' "$(realpath "$mayfly")" >"$BATS_TEST_TMPDIR/bin/mayfly"
	chmod 755 "$BATS_TEST_TMPDIR/bin/mayfly"
	PATH=$BATS_TEST_TMPDIR/bin:$PATH
}

@test "the README's blocks are what linux.bats runs, each line by itself, and mayfly takes their options" {
	# It takes out the fences that are written like this, and runs every line between them.
	sed -n '/^```sh$/,/^```$/p' "$root/README.md" | grep -v '^```' >"$BATS_TEST_TMPDIR/lines"
	is "$(awk '/^```/ && ++n % 2' "$root/README.md" | grep -vx '```console' | sort -u)" '```sh'
	[ "$(grep -c '^```sh$' "$root/README.md")" -ge 6 ]
	only_options
	cd "$BATS_TEST_TMPDIR"
	while read -r line; do
		# as_here() puts another name in the place of the first kernel alone; other files are those that make
		# leaves.
		[ "$(grep -oE 'vmlinux|bzImage' <<<"$line" | wc -l)" -le 1 ] || { echo "two kernels: $line" >&2; false; }
		[ -z "$(grep -oE '(-k|-i) [^ '"'"']+' <<<"$line" | grep -vxE -e '-k (vmlinux|bzImage)|-i initramfs.cpio')" ] || { echo "no such file: $line" >&2; false; }
		case $line in *mayfly*) ;; *) bash -c "$line" >out 2>&1 || : && continue ;; esac # what comes after a guest
		bash -c "$line" >out 2>err </dev/null || { cat err >&2; false; }
		[ ! -s err ] || { cat err >&2; false; }
		[ "$(grep -c "exit code" out)" = 0 ] || grep -qx 'exit code: 0' out
	done <lines
}

@test "mayfly takes the options of every other example" {
	only_options
	cd "$BATS_TEST_TMPDIR"
	{
		grep -h '^    mayfly ' "$root/README.md" "$root"/docs/*.md | grep -v …
		sed -n 's/^\.Dl mayfly/mayfly/p' "$root/docs/mayfly.1"
	} >examples
	[ "$(wc -l <examples)" -ge 10 ]
	while read -r line; do
		bash -c "$line" </dev/null || { echo "in: $line" >&2; false; }
	done <examples
}

@test "every make target that the papers name exists" {
	for target in $(grep -oh 'make [a-z][a-z-]*' "$root/README.md" "$root/HACKING.md" | awk '{ print $2 }' | sort -u); do
		case $target in alone|is|and|there|a|it|them) continue ;; esac
		grep -q "^$target:" "$root/Makefile" "$root/tests/tests.mk" || { echo "no target $target" >&2; false; }
	done
}

@test "every file that HACKING names exists" {
	for file in $(grep -oE '`[a-z_0-9/.]+\.(c|h|sh|bats|config|S)`' "$root/HACKING.md" | tr -d '`' | sort -u); do
		[ -e "$root/$file" ] || { echo "no file $file" >&2; false; }
	done
}

# completed REPLACED WORD...: what bash would offer for the last of the WORDs, as bash takes them apart, in $COMPREPLY;
# REPLACED is what the offer replaces.
completed() {
	local replaced=$1
	shift
	COMP_WORDS=(mayfly "$@")
	COMP_CWORD=$#
	_mayfly "$mayfly" "$replaced"
	printf '%s\n' "${COMPREPLY[@]}" | sort | xargs
}

@test "the threat model's figures, and each thread's calls, are those of the code" {
	is "$("$root/tests/surface.sh")" "$(tail -n "$("$root/tests/surface.sh" | wc -l)" "$root/docs/threat-model.md")"
	"$mayfly" selftest --list >"$BATS_TEST_TMPDIR/list"
	for role in $(cut -d ' ' -f 1 "$BATS_TEST_TMPDIR/list" | sort -u); do
		row=$(grep "^| $role | " "$root/docs/threat-model.md")
		# What is arm64's alone is said so.
		[ "$(uname -m)" = aarch64 ] || row=${row//on arm64 \`/}
		is "$(awk -v role="$role" '$1 == role { print $2 }' "$BATS_TEST_TMPDIR/list" | sort -u)" \
			"$(grep -oE '`[a-z0-9_]+`' <<<"$row" | tr -d '`' | sort -u)"
	done
	is 13 "$(cut -d ' ' -f 2 "$BATS_TEST_TMPDIR/list" | sort -u | wc -l)"
}

@test "bash completes commands, options, their files, and the command's" {
	. "$root/docs/mayfly.bash"
	cd "$BATS_TEST_TMPDIR"
	mkdir images
	touch input 'in two' job
	is "--help --version check-kernel doctor pack run selftest" "$(completed '' '')"
	is "run" "$(completed r r)"
	is "selftest" "$(completed s s)"
	is "--out --out-limit" "$(completed --ou run --ou)"
	is "$(helped run | awk '{ print "--" $2 } $1 != "-" { print "-" $1 } END { print "--help"; print "-h" }' | sort | xargs)" \
		"$(completed - run -)"
	is "--help --json -h" "$(completed - doctor -)"
	is "--config" "$(completed --c check-kernel input --c)"
	for option in -k --kernel -f --env-file --root -d; do
		is "images in two input" "$(completed i run "$option" i)"
	done
	is "images in two input" "$(completed i run --kernel = i)"
	is "images in two input job" "$(completed '' run --kernel =)"
	is "images" "$(completed i run --rootdir i)"
	is "job" "$(completed j run -o /result : j)"
	is "job" "$(completed j run --out = /result : j)"
	is "" "$(completed /i run -o /i)"
	is "" "$(completed i run -f input : i)"
	is "" "$(completed i run --timeout i)"
	is "@job" "$(completed @j run @ j)"
	is "BATS_TEST_TMPDIR" "$(completed BATS_TEST_TMP run -e BATS_TEST_TMP)"
	is "" "$(completed i run i)"
	is "images in two input" "$(completed i check-kernel i)"
	# What an option takes is no option, what follows -- is none either.
	is "images in two input" "$(completed i run -a -- -k i)"
	is "images in two input" "$(completed i run -k -- -- i)"
	is "images in two input" "$(completed i run -k input -- i)"
	is "" "$(completed --h run -k input -- --h)"
	is "images in two input" "$(completed i run -v -t -k i)"
}

@test "make install installs the launcher, its manual and bash's completion" {
	make -C "$root" --no-print-directory -o "build/$(uname -m)/mayfly" install "DESTDIR=$BATS_TEST_TMPDIR" PREFIX=/usr >/dev/null
	cd "$BATS_TEST_TMPDIR/usr"
	cmp bin/mayfly "$mayfly"
	is "./bin/mayfly ./share/bash-completion/completions/mayfly ./share/man/man1/mayfly.1" "$(find . -type f | sort | xargs)"
}

# docs/network.md, in a network namespace where we are root.
@test "the five lines for the host's network work as they are written" {
	sed -n '/^```sh$/,/^```$/p' "$root/docs/network.md" | grep -v '^```' >"$BATS_TEST_TMPDIR/lines"
	is 5 "$(wc -l <"$BATS_TEST_TMPDIR/lines")"
	run netns sh -e -c '. "$1"; ip -o link show master mayfly0; cat /proc/sys/net/ipv4/ip_forward; nft list ruleset' sh "$BATS_TEST_TMPDIR/lines"
	is 0 "$status"
	has "$output" "tap0: "
	has "$output" "masquerade"
	is 1 "$(printf '%s\n' "$output" | sed -n 2p)"
}
