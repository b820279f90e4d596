# shellcheck shell=sh
# apt.sh: gets Debian packages as files, without installing them and without root (sourced after cache.sh and arch.sh).
#
#   apt_source PACKAGE DIR     unpacks the package's patched source tree into DIR/src
#   apt_unpack DIR PACKAGE...  downloads packages of the architecture $arch and unpacks their files into DIR/files;
#                              @META is the package that a meta package stands for
#   apt_meta_version META      prints which package and version that is, for cache keys: of this machine's architecture
#
# Where packages come from is the machine's business: everything is derived from its own apt configuration.

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
# Nothing is installed, so root is not needed; apt's sandbox user is turned off, for it could not write here.
# shellcheck disable=SC2154 # arch.sh's
apt_run() (
	state=$1 tool=$2
	shift 2
	[ ! -d "$state" ] || set -- -o APT::Architecture="$debian" -o Acquire::Languages=none \
		-o Dir::Etc::SourceList=/dev/null -o Dir::Etc::SourceParts="$state/sources" \
		-o Dir::State::Lists="$state/lists" -o Dir::Cache="$state/cache" "$@"
	LC_ALL=C "$tool" -qq -o APT::Sandbox::User=root "$@"
)

# Makes STATE with indexes of TYPE. The machine's own may lack deb-src, an architecture or the newest versions, and to
# mend that takes root.
apt_indexes() {
	mkdir -p "$2/sources" "$2/lists/partial" "$2/cache/archives/partial"
	apt_derive_sources "$1" "$2/sources"
	# A source that does not answer matters only if the package is then not found.
	apt_run "$2" apt-get update >"$2/log" 2>&1 || :
}

apt_source() (
	mkdir "$2/unpack"
	cd "$2/unpack" || exit
	apt_indexes deb-src "$2/apt"
	apt_run "$2/apt" apt-get source "$1" >>"$2/apt/log" 2>&1 ||
		{ tail -n 20 "$2/apt/log" >&2 && fail "apt cannot get the source package $1"; }
	for tree in */; do mv "$tree" "$2/src"; done # its name is the package's business; it is the only one here
	rm -r "$2/unpack" "$2/apt"
)

# Prints "PACKAGE (= VERSION)", the first dependency of META, or nothing when it is not known.
apt_depends() {
	apt_run "$1" apt-cache show --no-all-versions "$2" 2>/dev/null | sed -n 's/^Depends: \([^,]*\).*/\1/p'
}

# Asked again only when the machine's indexes have changed: apt may take half a second to answer.
# shellcheck disable=SC2154 # cache_root is cache.sh's
apt_meta_version() {
	memo=$cache_root/.$1.version
	if [ ! -s "$memo" ] || [ -n "$(find /var/lib/apt/lists -maxdepth 0 -newer "$memo")" ]; then
		mkdir -p "$cache_root"
		apt_depends - "$1" >"$memo.$$"
		mv "$memo.$$" "$memo"
	fi
	cat "$memo"
}

apt_download() (
	state=$1
	shift
	for package in "$@"; do
		case $package in
		@*) package=$(apt_depends "$state" "${package#@}") && package=${package%% *} ;;
		esac
		[ -n "$package" ] && apt_run "$state" apt-get download "$package" || exit
	done
)

# shellcheck disable=SC2154 # arch.sh's
apt_unpack() (
	dir=$1
	shift
	mkdir "$dir/files" "$dir/unpack"
	cd "$dir/unpack" || exit
	# The usual case first: when the machine's indexes are fresh, nothing but the package is fetched.
	if [ -n "$cross" ] || ! apt_download - "$@" >/dev/null 2>&1; then
		apt_indexes deb "$dir/apt"
		apt_download "$dir/apt" "$@" >>"$dir/apt/log" 2>&1 ||
			{ tail -n 20 "$dir/apt/log" >&2 && fail "apt cannot get $* for $debian"; }
	fi
	for package in ./*.deb; do dpkg-deb -x "$package" "$dir/files"; done
	rm -rf "$dir/unpack" "$dir/apt"
)
