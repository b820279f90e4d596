# Completion for bash. Commands and options are what mayfly's own --help says, so they are never out of date.

# _mayfly_help PROGRAM COMMAND: a line an option, "LETTER NAME ARGUMENT"; "-" stands for what it has not.
_mayfly_help() {
	"$1" "$2" --help 2>/dev/null |
		sed -nE 's/^  (-(.),|   ) --([a-z-]+)( ([^ ]+))? .*/\2 \3 \5/p' |
		sed -E 's/^ /- /; s/ $/ -/'
}

# _mayfly_argument PROGRAM COMMAND OPTION: the name of its argument in the help; fails if it takes none.
_mayfly_argument() {
	local letter name argument
	while read -r letter name argument; do
		[ "-$letter" = "$3" ] || [ "--$name" = "$3" ] || continue
		[ "$argument" != - ] || return
		echo "$argument"
		return
	done < <(_mayfly_help "$1" "$2")
	return 1
}

# _mayfly_words KIND...: what compgen makes of them.
_mayfly_words() { mapfile -t COMPREPLY < <(compgen "$@"); }

# _mayfly_value ARGUMENT WORD BEFORE: what may stand for it; BEFORE is what the same word has before WORD.
_mayfly_value() {
	case "$1 $3" in
	'GUEST:HOST '*: | FILE*' ' | HOST*' ') _mayfly_words -f -- "$2" ;;
	'DIR '*) _mayfly_words -d -- "$2" ;;
	'NAME[=VALUE] ') _mayfly_words -e -- "$2" ;;
	esac
}

# _mayfly_option PROGRAM COMMAND WORD: options, and operands where a command takes them.
_mayfly_option() {
	case $3 in
	-*) _mayfly_words -W "$(_mayfly_help "$1" "$2" | sed -E 's/^- /--/; s/^(.) /-\1 --/; s/ [^ ]+$//')" -- "$3" ;;
	@*)
		compopt +o filenames 2>/dev/null # or the @ would get a backslash
		_mayfly_words -P @ -f -- "${3#@}"
		;;
	*) [ "$2" = run ] || _mayfly_words -f -- "$3" ;;
	esac
}

# _mayfly_join WORD...: bash has taken the words apart at = : and @; in $words they are whole.
_mayfly_join() {
	local word open=''
	words=()
	for word; do
		case $open$word in
		yes* | [=:]) words[${#words[@]} - 1]+=$word ;;
		*) words+=("$word") ;;
		esac
		case $word in [=:@]) open=yes ;; *) open='' ;; esac
	done
}

# $2 is what the reply replaces: the word, or what of it follows the last = or colon.
_mayfly() {
	local program=${1/#\~/$HOME} command=${COMP_WORDS[1]} words argument='' word
	COMPREPLY=()
	if [ "$COMP_CWORD" = 1 ]; then
		_mayfly_words -W "$("$program" --help 2>/dev/null | sed -nE 's/^  mayfly ([a-z-]+).*/\1/p') --help" -- "$2"
		return
	fi
	_mayfly_join "${COMP_WORDS[@]:2:COMP_CWORD-1}"
	for word in "${words[@]:0:${#words[@]}-1}"; do
		if [ -n "$argument" ]; then
			argument=''
		elif [ "$word" = -- ]; then
			_mayfly_words -f -- "$2"
			return
		else
			argument=$(_mayfly_argument "$program" "$command" "$word")
		fi
	done
	word=${words[-1]}
	case $argument$word in
	--*=*) argument=$(_mayfly_argument "$program" "$command" "${word%%=*}") && word=${word#*=} ;;
	esac
	if [ -n "$argument" ]; then
		_mayfly_value "$argument" "$2" "${word%"$2"}"
	else
		_mayfly_option "$program" "$command" "$2"
	fi
}

complete -o filenames -F _mayfly mayfly
