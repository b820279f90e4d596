#!/bin/sh
# look.sh PID...: what memory the processes have, an average in KiB, as JSON: `own` is what they have beside guest
# memory (which is marked "not in children", or is the largest mapping), `guest` that. mayfly shows its memory to root
# alone: null for others.
cat "/proc/$1/smaps" >/dev/null 2>&1 || { echo null && exit; }
for pid; do cat "/proc/$pid/smaps"; done | awk -v count=$# '
	function done_one() {
		kind = guest ? "guest" : "own"
		for (name in now) sum[kind, name] += now[name]
		split("", now)
		guest = 0
	}
	/^[0-9a-f]+-[0-9a-f]+ / { done_one() }
	/^Size:/ && $2 >= 16384 { guest = 1 }
	/^(Rss|Pss|Private_Dirty|Private_Clean|Shared_Clean):/ { now[tolower(substr($1, 1, length($1) - 1))] += $2 }
	/^VmFlags:.* dc/ { guest = 1 }
	function object(kind) {
		return sprintf("{\"rss_kib\": %.1f, \"pss_kib\": %.1f, \"private_dirty_kib\": %.1f, \"private_clean_kib\": %.1f, \"shared_clean_kib\": %.1f}",
			sum[kind, "rss"] / count, sum[kind, "pss"] / count, sum[kind, "private_dirty"] / count,
			sum[kind, "private_clean"] / count, sum[kind, "shared_clean"] / count)
	}
	END { done_one(); printf "{\"own\": %s, \"guest\": %s}", object("own"), object("guest") }'
