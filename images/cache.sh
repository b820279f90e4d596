# shellcheck shell=sh
# cache.sh: the build cache that every recipe in this tree shares (sourced, never run).
#
#   cache_key INPUT...                 prints a short key; an INPUT that names a file counts with its content
#   cache_entry NAME KEY COMMAND...    prints the directory of entry NAME-KEY, made by `COMMAND... DIR` when missing
#   progress VERB TEXT                 one line on stderr before a slow step
#   logged LOG COMMAND...              runs a noisy program; its output is shown only when it fails
#   fail TEXT                          one line on stderr, exit 1
#   installed PACKAGE...               prints the versions of installed Debian packages, for cache keys
#
# An entry is complete or absent: it is built in a hidden directory beside its final place and renamed when done. A lock
# per NAME keeps two makes from building it twice and tells leftovers of interrupted builds from builds under way.
# cache_entry relies on `set -e`: call it as a plain command or in a plain assignment, not in a condition.

cache_root=${XDG_CACHE_HOME:-${HOME:?HOME is not set}/.cache}/mayfly

progress() { printf '  %-7s %s\n' "$1" "$2" >&2; }

fail() {
	printf '%s: %s\n' "${0##*/}" "$*" >&2
	exit 1
}

# The program must be an external command: in a function called here, `set -e` would have no effect.
logged() (
	log=$1
	shift
	"$@" >"$log" 2>&1 && exit 0
	tail -n 30 "$log" >&2
	fail "failed: $*"
)

installed() {
	dpkg-query -W -f='${Package} ${Version}\n' "$@" || fail "see which packages are needed with images/deps.sh"
}

cache_key() {
	for input in "$@"; do
		# The hash alone, not sha256sum's usual line: the key must not depend on where the checkout lies.
		if [ -f "$input" ]; then sha256sum <"$input"; else printf '%s' "$input" | sha256sum; fi
	done | sha256sum | cut -c1-16
}

cache_entry() (
	name=$1 entry=$cache_root/$1-$2 partial=$cache_root/.$1.$2.partial
	shift 2
	if [ ! -d "$entry" ]; then
		mkdir -p "$cache_root"
		exec 9>"$cache_root/.$name.lock"
		flock -n 9 || { progress WAIT "another build of $name" && flock 9; }
	fi
	# Looked at again: the one we waited for may have built it.
	if [ ! -d "$entry" ]; then
		rm -rf "$cache_root/.$name."*.partial
		mkdir "$partial"
		"$@" "$partial" >&2
		mv "$partial" "$entry"
	fi
	printf '%s\n' "$entry"
)
