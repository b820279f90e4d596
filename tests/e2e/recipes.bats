# What every recipe relies on: the cache, the lines that tell how far a step is, and the installation of packages, here
# with programs in place of apt's. Needs no KVM, no network and nothing that was built.
load helpers

setup() {
	images=$(realpath "$BATS_TEST_DIRNAME/../../images")
	export XDG_CACHE_HOME=$BATS_TEST_TMPDIR/cache
	cache=$XDG_CACHE_HOME/mayfly
	unset MAYFLY_MAKE MAYFLY_STEP PROGRESS_SECONDS
	cd "$BATS_TEST_TMPDIR"
}

# recipe BODY: a recipe with the entry thing-0123456789abcdef; BODY makes it, in the directory $1.
recipe() {
	cat >recipe.sh <<-END
		#!/bin/sh
		set -eu
		here=$images
		. "\$here/progress.sh"
		. "\$here/cache.sh"
		build() {
			$1
		}
		cache_entry thing 0123456789abcdef build
	END
	chmod 755 recipe.sh
}
entry() { printf '%s\n' "$cache/thing-0123456789abcdef"; }

# soon COMMAND...: within ten seconds.
soon() {
	local i
	for i in {1..100}; do
		"$@" && return
		sleep 0.1
	done
	echo "not within ten seconds: $*" >&2
	return 1
}
gone() { ! kill -0 "$1" 2>/dev/null; }

@test "an entry is made once, and then found" {
	recipe 'echo made >>made; echo yes >"$1/file"'
	is "$(entry)" "$(./recipe.sh)"
	is "$(entry)" "$(./recipe.sh 2>&1)"
	is yes "$(cat "$(entry)/file")"
	is 1 "$(wc -l <made)"
}

@test "two that want an entry at once make it once, and the second says that it waits" {
	recipe 'echo made >>made; : >"$1/file"; sleep 1'
	./recipe.sh >first 3>&- &
	soon test -e made
	run ./recipe.sh
	wait
	is 1 "$(wc -l <made)"
	is "$(entry)" "$(cat first)"
	is "  WAIT    another build of thing" "${lines[0]}"
	is "$(entry)" "${lines[1]}"
}

@test "what fails leaves no entry, and none of its files" {
	recipe 'echo half >"$1/file"; false; echo never'
	run ./recipe.sh
	is 1 "$status"
	is "" "$(find "$cache" -mindepth 1 ! -name .thing.lock)"
}

@test "the output of a program that fails is shown; of one that succeeds it is not" {
	recipe 'logged "$1/log" sh -c "echo words"'
	run ./recipe.sh
	is "$(entry)" "$output"
	rm -r "$cache"
	recipe 'logged "$1/log" sh -c "echo words; exit 3"'
	run ./recipe.sh
	is 1 "$status"
	is words "${lines[0]}"
	is "recipe.sh: failed: sh -c echo words; exit 3" "${lines[1]}"
}

# A recipe in a step whose program, a child of a child, works for long.
long_recipe() {
	recipe '[ ! -e again ] || { : >"$1/whole"; return; }
		follow BUILD thing
		echo half >"$1/half"
		echo $$ >script
		logged "$1/log" sh -c "sleep 300 & echo \$! >child; wait"'
}

@test "a recipe that is killed takes its programs along; the next begins anew" {
	for signal in KILL TERM INT; do
		rm -rf "$cache" child again
		long_recipe
		# As make does it: by a shell that waits for the end of the recipe's output. (What a shell runs in its
		# background ignores SIGINT, which a terminal sends to all.)
		setsid env --default-signal=INT sh -c 'entry=$(./recipe.sh); :' >/dev/null 2>&1 3>&- &
		soon test -s child
		case $signal in INT) kill -s INT -- -$! ;; *) kill -s "$signal" "$(cat script)" ;; esac
		soon gone "$(cat child)"
		soon gone $!
		[ ! -e "$(entry)" ]
		: >again
		is "$(entry)" "$(./recipe.sh)"
		is whole "$(ls "$(entry)")"
		is "" "$(find "$cache" -name '*.partial')"
	done
}

@test "a recipe ends when the make that ran it is gone" {
	long_recipe
	sleep 300 3>&- &
	make=$!
	# The recipe's own parent is not the make, but a shell of it.
	MAYFLY_MAKE=$make sh -c './recipe.sh; :' >/dev/null 2>&1 3>&- &
	soon test -s child
	sleep 2
	! gone "$(cat child)"
	kill -9 "$make"
	soon gone "$(cat child)"
	[ ! -e "$(entry)" ]
	wait
}

@test "a cache that cannot be written, and none: one line each" {
	recipe ':'
	XDG_CACHE_HOME=/dev/null/none run ./recipe.sh
	is 1 "$status"
	is "recipe.sh: cannot write to the cache /dev/null/none/mayfly (set XDG_CACHE_HOME to a directory that you may write to)" "$output"
	unset XDG_CACHE_HOME
	run env -u HOME ./recipe.sh
	is 1 "$status"
	is "recipe.sh: no place for the cache (set HOME or XDG_CACHE_HOME)" "$output"
	# A directory that is not absolute does not count.
	XDG_CACHE_HOME=here HOME=$BATS_TEST_TMPDIR/home run ./recipe.sh
	is "$BATS_TEST_TMPDIR/home/.cache/mayfly/thing-0123456789abcdef" "$output"
}

# A step of four seconds that counts to 40 while it lasts.
counting='
	count() { echo "$(cat "$1") ~40 files"; }
	echo 0 >count
	follow BUILD thing count count
	sleep 1.5; echo 10 >count; sleep 2.7; echo 39 >count; sleep 2
	followed'

@test "without a terminal a step says now and then how far it is, and at its end how long it took" {
	recipe "$counting"
	PROGRESS_SECONDS=3 run ./recipe.sh
	is 0 "$status"
	is "  BUILD   thing" "${lines[0]}"
	[[ ${lines[1]} =~ ^"  BUILD   thing: 10 of about 40 files, "[34]" s"$ ]]
	[[ ${lines[-2]} =~ ^"  DONE    thing: "[6-9]" s"$ ]]
	# Of six seconds: after three, and perhaps at the end.
	[ "${#lines[@]}" -le 5 ]
	! grep -q $'[\r\033]' <<<"$output"
}

@test "a meter that fails is not heard" {
	recipe 'follow BUILD thing sh -c "echo nothing ~40 files; echo wrong >&2; exit 1"; sleep 2.5; followed'
	PROGRESS_SECONDS=1 run ./recipe.sh
	is 0 "$status"
	[[ ${lines[1]} =~ ^"  BUILD   thing: "[12]" s"$ ]]
	! grep -qE 'wrong|nothing|number' <<<"$output"
}

@test "by itself it says so every fifteen seconds" {
	recipe 'follow BUILD thing; sleep 3; followed'
	run ./recipe.sh
	is 3 "${#lines[@]}"
	grep -q 'every=${PROGRESS_SECONDS:-15}' "$images/progress.sh"
}

@test "on a terminal one line rewrites itself" {
	recipe "$counting"
	TERM=xterm run script -qec "stty cols 60; ./recipe.sh" /dev/null </dev/null
	is 0 "$status"
	rewritten=$(tr '\r' '\n' <<<"$output" | grep -ac $'^\033\\[K  BUILD   thing: ')
	[ "$rewritten" -ge 4 ]
	# Nothing but a rewriting follows upon one, and what stays are the first line, the last and the entry's.
	is 3 "$(grep -c . <<<"$output")"
}

# fake NAME BODY: a program in place of the system's.
fake() {
	mkdir -p bin
	printf '#!/bin/sh\n%s\n' "$2" >"bin/$1"
	chmod 755 "bin/$1"
}

# The packages that the file "have" names are there; apt-get adds to it what it installs, alone at its work, and writes
# down each call.
fake_apt() {
	: >have
	: >calls
	fake dpkg-query "sed 's/.*/ii &,/' $PWD/have | tr -d '\\n'"
	fake apt-cache 'exit 1'
	fake apt-get "echo \"\$*\" >>$PWD/calls
		[ ! -e $PWD/say ] || { cat $PWD/say; rm -f $PWD/say; exit 100; }
		mkdir $PWD/alone || exit
		sleep 0.5
		case \" \$* \" in *' install '*) for word; do echo \"\$word\"; done >>$PWD/have ;; esac
		rmdir $PWD/alone"
	fake dpkg "echo \"dpkg \$*\" >>$PWD/calls"
	fake id 'echo 0'
	PATH=$PWD/bin:$PATH
}

@test "packages that are missing are installed in one go, and then nothing is said or done" {
	fake_apt
	printf '%s\n' gcc libc6-dev >have
	run "$images/deps.sh" rootdisk prove
	is 0 "$status"
	has "$output" "  NEED    "
	has "${lines[-1]}" "  DONE    "
	is 2 "$(wc -l <calls)"
	has "$(tail -n 1 calls)" "install -q -y --no-install-recommends"
	has "$(tail -n 1 calls)" " skopeo "
	! grep -qw gcc calls
	: >calls
	run "$images/deps.sh" rootdisk prove
	is "0:" "$status:$output"
	is "" "$(cat calls)"
}

@test "a package on hold is installed" {
	fake_apt
	printf '%s\n' clang libclang-rt-dev llvm make >have
	sed -i 's/ii &/hi \&/' bin/dpkg-query
	run "$images/deps.sh" coverage
	is "0:" "$status:$output"
	is "" "$(cat calls)"
}

@test "two that install wait for one another, and the second finds everything there" {
	fake_apt
	"$images/deps.sh" rootdisk 3>&- &
	"$images/deps.sh" rootdisk 3>&-
	wait $!
	is 2 "$(wc -l <calls)"
}

@test "without root: sudo where that asks for no password, else the command to type" {
	fake_apt
	fake id 'echo 1000'
	fake sudo 'exit 1'
	run "$images/deps.sh" coverage
	is 1 "$status"
	is "deps.sh: packages are missing; install them as root: apt-get install -y --no-install-recommends clang libclang-rt-dev llvm make " "$output"
	is "" "$(cat calls)"
	fake sudo '[ "$1" = -n ] && shift && echo sudo >>sudo && "$@"'
	run "$images/deps.sh" coverage
	is 0 "$status"
	[ "$(wc -l <sudo)" -ge 3 ]
}

@test "an optional package is asked for where apt knows it, and is no reason to call apt" {
	fake_apt
	run "$images/deps.sh" kernel
	is 0 "$status"
	! grep -q ccache calls
	: >calls
	fake apt-cache 'exit 0'
	run "$images/deps.sh" kernel
	is "0:" "$status:$output"
	sed -i /lz4/d have
	run "$images/deps.sh" kernel
	grep -q 'lz4.* ccache$' calls
}

@test "dpkg that was interrupted is told to go on; apt without a network is one line" {
	fake_apt
	sed -i '2i case $1 in -qq) exit ;; esac' bin/apt-get
	echo "E: dpkg was interrupted, you must manually run 'dpkg --configure -a' to correct the problem." >say
	run "$images/deps.sh" coverage
	is 0 "$status"
	grep -qx 'dpkg --configure -a' calls
	: >have
	echo "E: Unable to locate package clang" >say
	run "$images/deps.sh" coverage
	is 1 "$status"
	is "deps.sh: apt cannot fetch packages: Unable to locate package clang (is there a network? apt-get update says more)" "${lines[-1]}"
}

@test "apt's answer about a meta package is kept, unless it is empty" {
	fake apt-cache 'cat answer 2>/dev/null'
	cat >ask.sh <<-END
		set -eu
		. "$images/progress.sh"
		. "$images/cache.sh"
		. "$images/apt.sh"
		apt_meta_version linux-image
	END
	PATH=$PWD/bin:$PATH
	run sh ask.sh
	is "0:" "$status:$output"
	printf 'Package: linux-image\nDepends: linux-image-6.1 (= 6.1.2-3), other\n' >answer
	is "linux-image-6.1 (= 6.1.2-3)" "$(sh ask.sh)"
	rm answer
	is "linux-image-6.1 (= 6.1.2-3)" "$(sh ask.sh)"
	is .linux-image.version "$(ls -A "$cache")"
}

# kept NAME...: these are in the cache, and nothing else is that a prune may remove.
kept() { is "$(printf '%s\n' "$@" | sort)" "$(cd "$cache" && find . -mindepth 1 -maxdepth 1 -type d ! -name '.apt-*' -printf '%P\n' | sort)"; }

@test "a prune removes what this tree does not need and nobody used for long, and what was interrupted" {
	needed=$(basename "$("$images/musl.sh" "$(uname -m)")")
	mkdir -p "$cache"/{old,new,busy}-0123456789abcdef "$cache"/.{old,busy}.0123456789abcdef.partial "$cache/.ccache"
	touch -d '40 days ago' "$cache"/{old,busy}-0123456789abcdef "$cache/$needed/.used" "$cache/.ccache"
	exec 9>"$cache/.busy.lock"
	flock 9
	run "$images/cache-list.sh" size
	is 0 "$status"
	grep -qE "^$needed .* 40  yes$" <<<"$output"
	grep -qE "^old-0123456789abcdef .* 40  no$" <<<"$output"
	grep -qE "^\.old\.0123456789abcdef\.partial .*  no: unfinished$" <<<"$output"
	grep -qE "^\.busy\.0123456789abcdef\.partial .*  being built$" <<<"$output"
	run "$images/cache-list.sh" prune 30
	is 0 "$status"
	kept "$needed" new-0123456789abcdef busy-0123456789abcdef .busy.0123456789abcdef.partial .ccache
	exec 9>&-
	run "$images/cache-list.sh" prune 0
	kept "$needed" .ccache
	# Private indexes go, but not those of an apt that is at work.
	mkdir "$cache"/.apt-deb-{idle,busy}
	exec 9>"$cache/.apt-deb-busy.lock"
	flock 9
	"$images/cache-list.sh" prune 0
	exec 9>&-
	[ ! -d "$cache/.apt-deb-idle" ]
	[ -d "$cache/.apt-deb-busy" ]
	# What was used now is not old, whenever it was made.
	is "$cache/$needed" "$("$images/musl.sh" "$(uname -m)")"
	[ -n "$(find "$cache/$needed/.used" -mmin -5)" ]
}
