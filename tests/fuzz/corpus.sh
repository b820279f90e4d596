#!/bin/sh
# corpus.sh unpack FILE DIR: makes a file in DIR of each line of FILE, an input in hexadecimal, as a fuzzer takes them.
# corpus.sh pack DIR FILE: the other way round, the shortest inputs first.
set -eu

unpack() { # FILE DIR
	n=0
	mkdir -p "$2"
	while read -r line; do
		n=$((n + 1))
		printf '%s' "$line" | basenc --base16 -d >"$2/$n"
	done <"$1"
}

# Sorted by what they are, too, so that the same inputs make the same file. (An empty one is always tried.)
pack() { # DIR FILE
	for input in "$1"/*; do
		basenc --base16 -w 0 <"$input"
		echo
	done | awk 'length { printf "%08d %s\n", length, $0 }' | LC_ALL=C sort -u | cut -c 10- >"$2.new"
	mv "$2.new" "$2"
}

[ $# = 3 ] || { echo 'usage: corpus.sh unpack FILE DIR | corpus.sh pack DIR FILE' >&2 && exit 2; }
case $1 in
unpack) unpack "$2" "$3" ;;
pack) pack "$2" "$3" ;;
*) exit 2 ;;
esac
