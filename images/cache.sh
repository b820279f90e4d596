# shellcheck shell=sh
# cache.sh: the build cache that every recipe in this tree shares (sourced after progress.sh, never run).
#
#   cache_key INPUT...                 prints a short key; an INPUT that names a file counts with its content
#   cache_entry NAME KEY COMMAND...    prints the directory of entry NAME-KEY, made by `COMMAND... DIR` when missing
#   logged LOG COMMAND...              runs a noisy program; its output is shown only when it fails
#   installed PACKAGE...               prints the versions of installed Debian packages, for cache keys
#
# An entry is complete or absent: it is built in a hidden directory beside its final place and renamed when done. A lock
# per NAME keeps two makes from building it twice and tells leftovers of interrupted builds from builds under way. The
# time of the entry's file .used is that of its last use. With CACHE_ASK set, nothing is built: a missing entry is a
# failure. cache_entry relies on `set -e`: call it as a plain command or in a plain assignment, not in a condition.

# The directory must be absolute, or it does not count (XDG base directories).
case ${XDG_CACHE_HOME:-} in
/*) cache_root=$XDG_CACHE_HOME/mayfly ;;
*) cache_root=${HOME:+$HOME/.cache/mayfly} ;;
esac
[ -n "$cache_root" ] || fail 'no place for the cache (set HOME or XDG_CACHE_HOME)'

# The program must be an external command: in a function called here, `set -e` would have no effect.
logged() (
	log=$1
	shift
	"$@" >"$log" 2>&1 && exit 0
	follow_stop
	! grep -q 'No space left on device' "$log" || fail "no space left: $1"
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

cache_make_root() {
	mkdir -p "$cache_root" 2>/dev/null || :
	[ -w "$cache_root" ] ||
		fail "cannot write to the cache $cache_root (set XDG_CACHE_HOME to a directory that you may write to)"
}

# What failed is removed, or a full disk would stay full.
cache_failed() {
	follow_stop
	free=$(df -kP "$cache_root" | awk 'NR == 2 { print int($4 / 1024) }')
	rm -rf "$partial"
	[ "$free" -ge 16 ] || fail "the disk of the cache $cache_root is full (make cache-prune, or set XDG_CACHE_HOME)"
}

cache_entry() (
	name=$1 entry=$cache_root/$1-$2 partial=$cache_root/.$1.$2.partial
	shift 2
	if [ ! -d "$entry" ]; then
		[ -z "${CACHE_ASK:-}" ] || exit 1
		cache_make_root
		exec 9>"$cache_root/.$name.lock"
		flock -n 9 || { progress WAIT "another build of $name" && flock 9; }
	fi
	# Looked at again: the one we waited for may have built it.
	if [ ! -d "$entry" ]; then
		rm -rf "$cache_root/.$name."*.partial
		mkdir "$partial"
		trap cache_failed EXIT
		# A shell that only redirected a command would keep its old output open, in what that leaves running,
		# too.
		(
			exec >&2
			"$@" "$partial"
		)
		: >"$partial/.used"
		mv "$partial" "$entry"
		trap - EXIT
	fi
	[ -n "${CACHE_ASK:-}" ] || touch -c "$entry/.used" 2>/dev/null || : # another user's cache can be used, too
	printf '%s\n' "$entry"
)
