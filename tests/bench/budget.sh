#!/usr/bin/env bash
# budget.sh BENCH.json: compares the figures with tests/bench/budget, a line each. Exit: 1 if one is beyond its bound,
# or not where the section that should have it is.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=host.bash
. "$(dirname "$0")/host.bash"

# verdict FIGURE RELATION TARGET BOUND
verdict() {
	jq -nr --argjson is "$1" --arg relation "$2" --argjson target "$3" --argjson bound "$4" '
		def holds(limit): if $relation == "<=" then $is <= limit else $is >= limit end;
		if holds($target) then "met" elif holds($bound) then "missed" else "BEYOND ITS BOUND" end'
}

broken=0
printf 'what\tfigure\ttarget\t\n'
while read -r line; do
	case $line in '#'* | '') continue ;; esac
	IFS='|' read -r what path relation target bound <<<"${line//\\|/$'\1'}"
	section=$(grep -oE '\.[a-z_]+' <<<"$path" | head -n 1)
	figure=$(jq "${path//$'\1'/|}" "$1" 2>/dev/null) || figure=null
	case ${figure:-null} in
	null) if jq -e "$section" "$1" >/dev/null 2>&1; then said='NO SUCH FIGURE'; else said='not measured'; fi ;;
	*) said=$(verdict "$figure" "${relation// /}" "$target" "$bound") ;;
	esac
	case $said in [A-Z]*) broken=1 ;; esac
	printf '%s\t%.3g\t%s\t%s\n' "$what" "${figure/null/nan}" "$relation$target" "$said"
done <tests/bench/budget
exit $broken
