# Lines of NAME and five numbers, as measure prints them, to an object: for each name, and each column, what is usual.
def at(share): sort | .[((length - 1) * share) | round];
def usual: {median: at(0.5), p99: at(0.99), least: min};

[inputs | split("\t") | {name: .[0], numbers: .[1:] | map(tonumber)}]
| group_by(.name)
| map({
	key: .[0].name,
	value: ([.[].numbers] | {
		runs: length,
		first_us: map(.[0]) | usual,
		exit_us: map(.[1]) | usual,
		cpu_first_us: map(.[2]) | usual,
		cpu_us: map(.[3]) | usual,
		peak_kib: map(.[4]) | usual
	})
})
| from_entries
