#!/bin/sh
# cache-list.sh size          tells what the cache holds: size, days since the last use, and whether this tree needs it
# cache-list.sh prune DAYS    removes the entries that this tree does not need and that nobody has used for DAYS, and
#                             what interrupted builds left
# An entry is needed if one of this tree's recipes would take it now. Others are another checkout's, or of the past: of
# packages, compilers or recipes that have changed. A build under way is left alone. Exit: 0, or 1 with a line on
# stderr.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source-path=SCRIPTDIR source=progress.sh
. "$here/progress.sh"
# shellcheck source-path=SCRIPTDIR source=cache.sh
. "$here/cache.sh"

# Each recipe is asked with CACHE_ASK: it prints its entry, or fails for want of it, or of packages to look for it.
ask() { CACHE_ASK=yes "$@" 2>/dev/null || :; }

ask_program() (
	arch=$1
	# shellcheck source=/dev/null
	. "$here/arch.sh"
	# shellcheck source=/dev/null
	. "$here/apt.sh"
	# shellcheck source=/dev/null
	. "$here/tree.sh"
	ask tree_program "$2" "$3" | sed 's#/files/.*##'
)

needed() {
	for arch in x86_64 aarch64; do
		for recipe in musl libseccomp kernel; do ask "$here/$recipe.sh" "$arch"; done
		for recipe in cmocka debian-kernel tools; do ask "$here/../tests/images/$recipe.sh" "$arch"; done
		for options in -n -nx; do ask "$here/../tests/lab/lab.sh" "$options" -a "$arch"; done
		ask_program "$arch" busybox-static busybox
		ask_program "$arch" bash-static bash-static
	done
	ask "$here/kernel.sh" x86_64 fast
}

# days FILE: since it was changed.
days() { echo $((($(date +%s) - $(stat -c %Y "$1")) / 86400)); }

used() { if [ -e "$1/.used" ]; then days "$1/.used"; else days "$1"; fi; }

megabytes() { du -sk "$1" | awk '{ printf "%.1f", $1 / 1024 }'; }

row() { printf '%-46s %8s %6s  %s\n' "$@"; }

# What is no entry: private indexes of apt, ccache's files, what is being built or was left of it.
hidden() { find "$cache_root" -mindepth 1 -maxdepth 1 -name '.*' -type d; }

# locked NAME COMMAND...: runs it unless the entry is being built, or apt is at work there.
locked() (
	exec 9>"$cache_root/.$1.lock"
	shift
	! flock -n 9 || "$@"
)

# name_of ENTRY: without the key, which has 16 digits.
name_of() {
	name=${1##*/}
	printf '%s\n' "${name%-????????????????}"
}

# partial_of DIRECTORY: the NAME in .NAME.KEY.partial.
partial_of() {
	name=${1##*/.}
	printf '%s\n' "${name%.*.partial}"
}

size() {
	row ENTRY MB DAYS 'NEEDED HERE'
	for entry in "$cache_root"/*-????????????????; do
		[ -d "$entry" ] || continue
		if printf '%s\n' "$keep" | grep -qxF -e "$entry"; then needed=yes; else needed=no; fi
		row "${entry##*/}" "$(megabytes "$entry")" "$(used "$entry")" "$needed"
	done
	hidden | while read -r directory; do
		case $directory in
		*.partial) needed=$(locked "$(partial_of "$directory")" echo 'no: unfinished') needed=${needed:-being built} ;;
		*) needed='for the next build' ;;
		esac
		row "${directory##*/}" "$(megabytes "$directory")" "$(days "$directory")" "$needed"
	done
	echo "$(megabytes "$cache_root") MB in $cache_root"
}

# First out of the way, under a name that nobody takes for an entry.
remove() {
	[ -e "$1" ] || return 0
	progress REMOVE "${1##*/}"
	away=$cache_root/.$(name_of "$1").removed.partial
	case $1 in *.partial) away=$1 ;; *) mv "$1" "$away" ;; esac
	rm -rf "$away"
}

prune() {
	for entry in "$cache_root"/*-????????????????; do
		[ -d "$entry" ] || continue
		! printf '%s\n' "$keep" | grep -qxF -e "$entry" || continue
		[ "$(used "$entry")" -ge "$1" ] || continue
		locked "$(name_of "$entry")" remove "$entry"
	done
	hidden | while read -r directory; do
		case $directory in
		*.partial) locked "$(partial_of "$directory")" remove "$directory" ;;
		*/.apt-*) [ "$(days "$directory")" -lt "$1" ] || locked "${directory##*/.}" rm -rf "$directory" ;;
		esac
	done
}

usage='usage: cache-list.sh size | prune DAYS'
case ${1:-}:${2:-} in
size: | prune:[0-9]*) ;;
*) fail "$usage" ;;
esac
[ -d "$cache_root" ] || exit 0
keep=$(needed)
"$@"
