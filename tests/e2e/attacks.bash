# What stops each attack of tests/attack: the second wall, if the filter were not there. For attack.bats; run by itself,
# it prints the table of what happens on this host.

# NAME WALL=ERRNO...: the first of these layers of the jail that is there answers so; where there is none, or none is
# said, the attack succeeds. "always": it fails, whatever there is. "few-processes" are the limits where they count our
# own processes alone, "no-process" where nothing is left of them: they have room for a thread that KVM makes when the
# guest begins, if it does (Linux 6.14, x86-64); "landlock4" is a Landlock of that version.
walls="
open             empty-root=ENOENT landlock=EACCES
create           empty-root=ENOENT landlock=EACCES
proc             empty-root=ENOENT landlock=EACCES
other-disk       empty-root=ENOENT landlock=EACCES
inherited        always=EBADF
grow-disk        limits=EFBIG
dup
memfd
mount            no-capabilities=EPERM landlock=EPERM
connect-tcp      landlock4=EACCES net-ns=ENETUNREACH
connect-abstract net-ns=ECONNREFUSED landlock6=EPERM
packet-socket    no-capabilities=EPERM
fork             no-process=EAGAIN
fork-two         few-processes=EAGAIN
mmap-exec
mprotect-exec
io_uring
bpf              no-capabilities=EPERM user-ns=EPERM
add-key
ptrace           user-ns=EPERM landlock=EPERM nobody=EPERM
write-memory     user-ns=EPERM landlock=EPERM nobody=EPERM
kill-parent      landlock6=EPERM nobody=EPERM
pidfd-parent     landlock6=EPERM nobody=EPERM
raise-limit      no-capabilities=EPERM user-ns=EPERM
setuid           user-ns=EINVAL no-capabilities=EPERM
new-user-ns      user-ns=EPERM empty-root=EPERM
new-net-ns       no-capabilities=EPERM
dumpable
kvm              empty-root=ENOENT landlock=EACCES
kvm-of-vm        always=$no_request
kvm-ask
kvm-memory
tun              empty-root=ENOENT landlock=EACCES
tap-change       always=EEXIST
exec             empty-root=ENOENT landlock=EACCES
"

# What nothing but the filter stops, on any host.
filter_only='dup memfd mmap-exec mprotect-exec io_uring add-key dumpable kvm-ask kvm-memory'

attacker=$(realpath "$files/mayfly-attack")
guest=$(realpath "$bare")

# What the launcher has: the attacks' names, in its order; the number, and the system call, of each; and Landlock's
# version.
declare -gA number_of call_of
names=''
while read -r first second third; do
	case $first in
	landlock) landlock=$second ;;
	*) names="$names$second " number_of[$second]=$first call_of[$second]=$third ;;
	esac
done < <("$attacker" attacks)

# attack NAME THREAD [OPTION...]: the guest attacks; says "SIGSYS", "ok", the error's name or what else happened.
# Standard error is no file: on one there is no limit to its length. The NIC is for the one that needs it.
attack() {
	local name=$1 thread=$2 said code=0 where= dir=$BATS_TEST_TMPDIR/$1.$2.$BASHPID
	local nic=()
	shift 2
	[ "$name" != tap-change ] || where=netns nic=(-n tap=t0)
	said=$(
		umask 0
		mkdir -p "$dir"
		cd "$dir" || exit
		truncate -s 64K disk other
		exec 20>inherited
		MAYFLY_ATTACK_DISK=$dir/other MAYFLY_ATTACK_FILE=$dir/made \
			$where timeout 60 "$attacker" run -k "$guest" -a "test=attack n=${number_of[$name]} thread=$thread" \
			-d disk "${nic[@]}" "$@" -- x </dev/null 2>&1 3>&-
	) || code=$?
	[ ! -s "$dir/inherited" ] || said="$said, and the inherited file was written"
	case $code:$said in
	159:) echo SIGSYS ;;
	0:"attack $name: "*) echo "${said#*: }" ;;
	*) echo "exit code $code: $said" ;;
	esac
} 2>/dev/null # bash tells of signals

# Those that are tried again in other ways: in a lab, which is slow, one of four.
again=$names
[ -z "${LAB:-}" ] || again=$(printf '%s\n' $names | awk 'NR % 4 == 1' | tr '\n' ' ')

# each THREAD [OPTION...]: the attacks in $asked, or all, a VM each, four at a time; what they said is in the files
# $BATS_TEST_TMPDIR/THREAD.NAME.
each() {
	local thread=$1 name n=0
	shift
	for name in ${asked:-$names}; do
		attack "$name" "$thread" "$@" >"$BATS_TEST_TMPDIR/$thread.$name" 3>&- &
		n=$((n + 1))
		[ $((n % 4)) != 0 ] || wait
	done
	wait
}

# all THREAD [OPTION...]: the same in one VM, which needs to survive them: without the filter. One attack needs a NIC,
# and has a VM of its own: tap_too.
all() {
	local thread=$1 attack name said
	shift
	(
		umask 0
		mkdir -p "$BATS_TEST_TMPDIR/all.$thread"
		cd "$BATS_TEST_TMPDIR/all.$thread" || exit
		truncate -s 64K disk other
		exec 20>inherited
		MAYFLY_ATTACK_DISK=$PWD/other MAYFLY_ATTACK_FILE=$PWD/made MAYFLY_ATTACK_FILTER=off \
			timeout 60 "$attacker" run -k "$guest" -a "test=attack n=1 last=${#number_of[@]} thread=$thread" \
			-d disk "$@" -- x </dev/null 2>&1 3>&-
	) | while read -r attack name said; do
		[ "$attack" = attack ] && echo "$said" >"$BATS_TEST_TMPDIR/$thread.${name%:}"
	done
	[ ! -s "$BATS_TEST_TMPDIR/all.$thread/inherited" ]
}

tap_too() {
	local thread=$1
	all "$@"
	shift
	MAYFLY_ATTACK_FILTER=off attack tap-change "$thread" "$@" >"$BATS_TEST_TMPDIR/$thread.tap-change"
}

result() { cat "$BATS_TEST_TMPDIR/$1.$2"; }

kvm_makes_thread() {
	local major minor
	IFS=. read -r major minor _ < <(uname -r)
	[ "$(uname -m)" = x86_64 ] && [ $((major * 1000 + ${minor%%[!0-9]*})) -ge 6014 ]
}

# The jail's layers here, as --stats has them, and what we call parts of them; of what the environment leaves of them.
layers() {
	local list stats=$BATS_TEST_TMPDIR/layers
	"$attacker" run -k "$bare" -a test=hello --stats "$stats" </dev/null >/dev/null 2>&1 3>&-
	list=" $(sed -n 's/^ "jail": \[\(.*\)\],$/\1/p' "$stats" | tr -d '",') always "
	case $list in *' landlock '*)
		[ "$landlock" -lt 4 ] || list="$list landlock4 "
		[ "$landlock" -lt 6 ] || list="$list landlock6 "
		;;
	esac
	case $list in *' user-ns '*' limits '*)
		case "$(id -u) $list" in 0*' nobody '* | [1-9]*) list="$list few-processes " ;; esac
		! { [[ $list == *few-processes* ]] && kvm_makes_thread; } || list="$list no-process "
		;;
	esac
	echo "$list"
}

walls_of() { printf '%s\n' "$walls" | sed -n "s/^$1\( \|$\) *//p"; }

# expected NAME LAYERS: what the jail alone answers; sets $wall, too.
expected() {
	for wall in $(walls_of "$1"); do
		case $2 in *" ${wall%=*} "*)
			expected=${wall#*=} wall=${wall%=*}
			return
			;;
		esac
	done
	expected=ok wall=nothing
}

# The table, for people.
table() {
	local BATS_TEST_TMPDIR name here thread
	BATS_TEST_TMPDIR=$(mktemp -d)
	here=$(layers)
	for thread in vcpu disk; do
		each "$thread"
		for name in $names; do mv "$BATS_TEST_TMPDIR/$thread.$name" "$BATS_TEST_TMPDIR/filter-$thread.$name"; done
		tap_too "$thread" --jail=off
		for name in $names; do mv "$BATS_TEST_TMPDIR/$thread.$name" "$BATS_TEST_TMPDIR/neither-$thread.$name"; done
		tap_too "$thread"
	done
	echo '| attack | thread | filter | jail alone | by | neither |'
	echo '|---|---|---|---|---|---|'
	for name in $names; do
		expected "$name" "$here"
		for thread in vcpu disk; do
			echo "| $name | $thread | $(result "filter-$thread" "$name") | $(result "$thread" "$name") | $wall | $(result "neither-$thread" "$name") |"
		done
	done
	rm -rf "$BATS_TEST_TMPDIR"
}
