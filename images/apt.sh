# shellcheck shell=sh
# apt.sh: gets Debian packages as files, without installing them and without root (sourced after cache.sh and arch.sh).
#
#   apt_source PACKAGE DIR     unpacks the package's patched source tree into DIR/src
#   apt_unpack DIR PACKAGE...  downloads packages of the architecture $arch and unpacks their files into DIR/files;
#                              @META is the package that a meta package stands for
#   apt_meta_version META      prints which package and version that is, for cache keys: of this machine's architecture
#
# Where packages come from is the machine's business: everything is derived from its own apt configuration. Indexes that the
# machine lacks are in the cache, in .apt-TYPE-ARCH, and are fetched anew after an hour.

# Writes the machine's package sources into DIR, all of them turned into entries of TYPE (deb or deb-src).
apt_derive_sources() {
	for list in /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources; do
		[ -e "$list" ] || continue
		case $list in
		*.sources) sed "s/^Types:.*/Types: $1/" "$list" ;;
		*) sed -n "s/^[[:space:]]*deb[[:space:]]/$1 /p" "$list" ;;
		esac >"$2/${list##*/}"
	done
}

# Runs an apt tool on the machine's package indexes, or on the private ones of the directory STATE when that exists: these
# are of the architecture $arch, which the machine's dpkg need not have heard of.
# Nothing is installed, so root is not needed; apt's sandbox user is turned off, for it could not write here. While it
# downloads, apt writes lines to $apt_status, if that is set: dlstatus:NUMBER:PERCENT:TEXT.
# shellcheck disable=SC2154 # arch.sh's
apt_run() (
	state=$1 tool=$2
	shift 2
	[ ! -d "$state" ] || set -- -o APT::Architecture="$debian" -o Acquire::Languages=none \
		-o Dir::Etc::SourceList=/dev/null -o Dir::Etc::SourceParts="$state/sources" \
		-o Dir::State::Lists="$state/lists" -o Dir::Cache="$state/cache" "$@"
	LC_ALL=C "$tool" -qq -o APT::Sandbox::User=root -o APT::Status-Fd=3 "$@" 3>"${apt_status:-/dev/null}"
)

# Fetches indexes of TYPE into STATE. The machine's own may lack deb-src, an architecture or the newest versions, and to
# change that takes root.
apt_indexes() {
	rm -f "$2/fresh"
	mkdir -p "$2/sources" "$2/lists/partial" "$2/cache/archives/partial"
	apt_derive_sources "$1" "$2/sources"
	# A source that does not answer matters only if the package is then not found.
	! apt_run "$2" apt-get update >"$2/log" 2>&1 || : >"$2/fresh"
}

# apt_with TYPE COMMAND ARG...: runs `COMMAND STATE ARG...` with those indexes; again with new ones where it failed with old
# ones. One at a time: apt keeps a cache there.
# shellcheck disable=SC2154 # cache_root is cache.sh's
apt_with() (
	type=$1 command=$2 state=$cache_root/.apt-$1-$debian
	shift 2
	cache_make_root
	exec 6>"$state.lock"
	flock 6
	if [ -n "$(find "$state/fresh" -mmin -60 2>/dev/null)" ] && "$command" "$state" "$@" >"$state/log" 2>&1; then exit 0; fi
	apt_indexes "$type" "$state"
	"$command" "$state" "$@" >>"$state/log" 2>&1 && exit 0
	follow_stop
	grep '^[EW]: ' "$state/log" | tail -n 5 >&2
	exit 1
)

# How far the download is, in MB if the size of all is known.
apt_fetched() {
	tail -n 1 "$apt_status" 2>/dev/null | awk -F: -v size="$(cat "$apt_status.size" 2>/dev/null)" '
		size > 0 { print int(size * $3 / 100), size, "MB"; next }
		{ print int($3), 100, "%" }'
}

apt_get_source() { apt_run "$1" apt-get source "$2"; }

apt_source() (
	mkdir "$2/unpack"
	cd "$2/unpack" || exit
	# shellcheck disable=SC2030
	apt_status=$2/status
	follow FETCH "source package $1" apt_fetched
	apt_with deb-src apt_get_source "$1" || fail "apt cannot get the source package $1 (is there a network?)"
	followed
	for tree in */; do mv "$tree" "$2/src"; done # its name is the package's business; it is the only one here
	rm -r "$2/unpack" "$2/status"
)

# Prints "PACKAGE (= VERSION)", the first dependency of META, or nothing when it is not known.
apt_depends() {
	apt_run "$1" apt-cache show --no-all-versions "$2" 2>/dev/null | sed -n 's/^Depends: \([^,]*\).*/\1/p'
}

# Asked again only when the machine's indexes have changed: apt may take half a second to answer. An empty answer, of
# an apt that failed, is not kept.
# shellcheck disable=SC2154 # cache_root is cache.sh's
apt_meta_version() {
	memo=$cache_root/.$1.version
	if [ ! -s "$memo" ] || [ -n "$(find /var/lib/apt/lists -maxdepth 0 -newer "$memo")" ]; then
		mkdir -p "$cache_root"
		apt_depends - "$1" >"$memo.$$"
		if [ -s "$memo.$$" ]; then mv "$memo.$$" "$memo"; else rm -f "$memo.$$" "$memo"; fi
	fi
	[ ! -e "$memo" ] || cat "$memo"
}

# apt_packages STATE PACKAGE...: the same with the packages that meta packages stand for.
apt_packages() (
	state=$1
	shift
	for package in "$@"; do
		case $package in
		@*) package=$(apt_depends "$state" "${package#@}") && package=${package%% *} ;;
		esac
		[ -n "$package" ] || exit
		printf '%s\n' "$package"
	done
)

# apt_download STATE DIR PACKAGE...: into DIR.
# shellcheck disable=SC2031 # $apt_status is the caller's
apt_download() (
	state=$1 dir=$2
	shift 2
	packages=$(apt_packages "$state" "$@") || exit
	cd "$dir" || exit
	# shellcheck disable=SC2086 # a list of words, here and below
	apt_run "$state" apt-get download --print-uris $packages | awk '{ size += $3 } END { print int(size / 1e6) }' \
		>"$apt_status.size"
	# shellcheck disable=SC2086
	apt_run "$state" apt-get download $packages
)

# The usual case first: when the machine's indexes are fresh, nothing but the packages is fetched.
# shellcheck disable=SC2154 # arch.sh's
apt_unpack() (
	dir=$1
	shift
	mkdir "$dir/files" "$dir/unpack"
	apt_status=$dir/status
	follow FETCH "$(echo "$*" | tr -d @) for $debian" apt_fetched
	if [ -n "$cross" ] || ! apt_download - "$dir/unpack" "$@" >/dev/null 2>&1; then
		apt_with deb apt_download "$dir/unpack" "$@" || fail "apt cannot get $* for $debian (is there a network?)"
	fi
	followed
	for package in "$dir"/unpack/*.deb; do dpkg-deb -x "$package" "$dir/files"; done
	rm -rf "$dir/unpack" "$dir/status" "$dir/status.size"
)
