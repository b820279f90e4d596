# console.jq: makes console.sh's object of what console-lab.bash wrote.
def way:
	(map(select(.bytes == 0))[0]) as $none | (map(select(.bytes > 0))[0]) as $some | $some.bytes as $bytes |
	($some.stamp.exit_ns - $none.stamp.exit_ns) as $ns |
	($some.stats.exits.all - $none.stats.exits.all) as $exits | {
		bytes: $bytes,
		launcher_exits_per_64_bytes: ($exits * 64 / $bytes * 1000 | round / 1000),
		launcher_exits_per_kib: ($exits * 1024 / $bytes * 1000 | round / 1000),
		instructions_per_byte: ($ns / $bytes * 1000 | round / 1000),
		bytes_per_second_of_lab_time: ($bytes * 1000000000 / $ns | round)
	};
if all(.[]; .stamp.code == 0) then . else error("a boot failed") end |
group_by(.name) | map({key: .[0].name, value: way}) | from_entries
