# shellcheck shell=sh
# progress.sh: tells on stderr what a recipe does (sourced, never run).
#
#   progress VERB TEXT             one line
#   follow VERB TEXT [METER...]    one line, and from then on how far the step is and how long it has taken
#   followed                       ends that, with a line that says how long the step took
#   fail TEXT                      one line, exit 1
#
# METER is a command that prints "DONE TOTAL UNIT", or nothing. TOTAL is 0 where nobody knows it, and begins with ~
# where it is an estimate. On a terminal one line rewrites itself. Elsewhere there is a line every 15 seconds
# (PROGRESS_SECONDS). Where several steps share a terminal, one of them rewrites that line.
#
# A step ends with the script that began it, and with the make that ran the script (MAYFLY_MAKE, a process number). When
# one of them has been killed, the step's programs are ended within seconds: they have MAYFLY_STEP in their environment.

follow_pid=''

# On a terminal, what is there of a line that rewrites itself goes first.
progress() {
	if [ -t 2 ]; then printf '\r\033[K' >&2; fi
	printf '  %-7s %s\n' "$1" "$2" >&2
}

fail() {
	follow_stop
	if [ -t 2 ]; then printf '\r\033[K' >&2; fi
	printf '%s: %s\n' "${0##*/}" "$*" >&2
	exit 1
}

spell_time() {
	if [ "$1" -lt 60 ]; then echo "$1 s"; else echo "$(($1 / 60)) min $(($1 % 60)) s"; fi
}

# spell_state SECONDS [DONE TOTAL UNIT]: "612 of about 1480 files, 1 min 12 s, about 1 min 42 s to go". The first
# seconds and the first files say nothing about the rest.
spell_state() {
	seconds=$1 amount=${2:-} total=${3:-0}
	shift $(($# < 3 ? $# : 3))
	unit=$*
	# A meter may be asked when the files that it looks at are gone.
	case $amount in *[!0-9]*) amount='' total=0 ;; esac
	passed=$(spell_time "$seconds")
	part="$amount of $total $unit"
	case $total:$unit in
	'~'*) total=${total#'~'} part="$amount of about $total $unit" ;;
	*:%*) part="$amount $unit" ;;
	esac
	if [ "$total" -le 0 ]; then
		echo "${amount:+$amount $unit, }$passed"
	elif [ "$seconds" -lt 5 ] || [ $((amount * 50)) -lt "$total" ] || [ "$amount" -ge "$total" ]; then
		echo "$part, $passed"
	else
		echo "$part, $passed, about $(spell_time $((seconds * (total - amount) / amount))) to go"
	fi
}

# A process that has ended may wait for its parent to ask how.
alive() {
	{ read -r stat <"/proc/$1/stat"; } 2>/dev/null || return
	case $stat in *') '[XZ]' '*) return 1 ;; esac
}

# Fails when whoever began the step is gone, or the make for which that was done.
follow_wanted() {
	alive $$ && { [ -z "${MAYFLY_MAKE:-}" ] || { alive "$MAYFLY_MAKE" && alive "$follow_parent"; }; }
}

# The watcher itself is not among them: its environment, as /proc shows it, is the script's. What is left of the script
# would stop the watcher as soon as the first program ends.
follow_end_step() {
	exec 2>/dev/null
	trap '' TERM
	kill $$ || :
	for signal in TERM KILL; do
		files=$(grep -lzsx "MAYFLY_STEP=$MAYFLY_STEP" /proc/[0-9]*/environ) || :
		[ -n "$files" ] || exit
		for file in $files; do
			file=${file%/environ}
			kill -s "$signal" "${file#/proc/}" || :
		done
		sleep 2
	done
	exit
}

# The terminal is opened once more, for a lock that is not shared with others who write to it.
follow_watch() {
	tty=''
	if [ -t 2 ]; then tty=$(tty <&2) || tty=''; fi
	[ -w "$tty" ] && exec 8>>"$tty" || tty=''
	width=$(stty size <&2 2>/dev/null) && width=${width#* } && [ "$width" -gt 20 ] 2>/dev/null || width=80
	every=${PROGRESS_SECONDS:-15} told=0
	while sleep 1 2>/dev/null 8>&-; do
		follow_wanted || follow_end_step
		now=$(($(date +%s) - follow_began))
		if [ -n "$tty" ]; then
			flock -n 8 || continue
		elif [ $((now - told)) -lt "$every" ]; then
			continue
		fi
		told=$now
		# shellcheck disable=SC2046 # words
		line=$(printf '  %-7s %s: %s' "$follow_verb" "$follow_text" "$(spell_state "$now" $("$@" 2>/dev/null))")
		if [ -n "$tty" ]; then printf "\\r\\033[K%.$((width - 1))s" "$line" >&2; else printf '%s\n' "$line" >&2; fi
	done
}

# The watcher holds neither the caller's output nor its locks: descriptors 6, 7 and 9.
follow() {
	follow_verb=$1 follow_text=$2 follow_began=$(date +%s) follow_parent=$PPID
	shift 2
	[ $# -gt 0 ] || set -- :
	progress "$follow_verb" "$follow_text"
	export MAYFLY_STEP="$$.$follow_began"
	follow_watch "$@" >/dev/null 6>&- 7>&- 9>&- &
	follow_pid=$!
}

follow_stop() {
	[ -n "$follow_pid" ] || return 0
	kill "$follow_pid" 2>/dev/null || :
	wait "$follow_pid" 2>/dev/null || :
	follow_pid=''
	unset MAYFLY_STEP
}

followed() {
	follow_stop
	progress DONE "$follow_text: $(spell_time $(($(date +%s) - follow_began)))"
}
