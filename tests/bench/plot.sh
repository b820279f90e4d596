#!/usr/bin/env bash
# plot.sh BENCH.json: draws start.svg, sweep.svg and crowd.svg beside it, of the sections that it has.
# shellcheck disable=SC2016 # the variables are jq's
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=host.bash
. "$(dirname "$0")/host.bash"

file=$1
out=$(realpath "$(dirname "$1")")
data=$(mktemp -d)
trap 'rm -rf "$data"' EXIT

# rows NAME FILTER: what the jq FILTER makes, to plot; false if the section was not run.
rows() { jq -r "$2 | @tsv" "$file" >"$data/$1" 2>/dev/null && [ -s "$data/$1" ]; }

# plot NAME TEXT...: gnuplot's commands, to NAME.svg.
plot() {
	{
		printf 'set terminal svg noenhanced size 900,%s background "white" font "sans,13"\nset output "%s/%s.svg"\n' "$2" "$out" "$1"
		printf 'set datafile separator "\t"\nset grid ytics\nset style data linespoints\nset key left top\n'
		printf '%s\n' "${@:3}"
	} | (cd "$data" && gnuplot)
}

start() {
	rows start '.start | to_entries[] | select(.key != "ratios") | [.key, .value.first_us.median / 1000, .value.exit_us.median / 1000]' || return 0
	plot start 420 'set title "A bare guest: median milliseconds from exec"' 'set style data histograms' \
		'set style fill solid 0.8 border -1' 'set boxwidth 0.9' 'set logscale y' \
		'plot "start" using 2:xtic(1) title "to its first byte", "" using 3 title "to the end"'
}

# A panel for each; the floor program has memory and CPUs alone.
sweep() {
	local what
	for what in ram_mib cpus disks initrd_mib kernel_mib; do
		for who in floor mayfly; do
			rows "$what.$who" ".sweep.${what}[] | select(.who == \"$who\") | [.at, .first_us.median / 1000]" || : >"$data/$what.$who"
		done
	done
	[ -s "$data/cpus.mayfly" ] || return 0
	plot sweep 900 'set multiplot layout 3,2 title "Milliseconds from exec to the first byte (median)"' 'set yrange [0:]' \
		'set logscale x 2' 'set title "memory, MiB"' 'plot "ram_mib.floor" title "floor", "ram_mib.mayfly" title "mayfly"' \
		'set title "CPUs"' 'plot "cpus.floor" title "floor", "cpus.mayfly" title "mayfly"' \
		'set title "initrd, MiB"' 'plot "initrd_mib.mayfly" title "mayfly"' \
		'set title "kernel, MiB"' 'plot "kernel_mib.mayfly" title "mayfly"' \
		'unset logscale x' 'set title "disks"' 'plot "disks.mayfly" title "mayfly"' 'unset multiplot'
}

crowd() {
	rows crowd '[.crowd[] | select(.count >= 100)] | group_by(.count)[] | (map({(.who): .per_s}) | add) as $by | [.[0].count, $by.floor, $by.mayfly, $by.mayfly_jail_off]' || return 0
	plot crowd 420 'set title "Many at once: VMs a second"' 'set style data histograms' 'set style fill solid 0.8 border -1' 'set yrange [0:]' \
		'plot "crowd" using 2:xtic(1) title "floor", "" using 3 title "mayfly", "" using 4 title "mayfly, --jail=off"'
}

start
sweep
crowd
