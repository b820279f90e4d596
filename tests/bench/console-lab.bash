#!/bin/bash
# console-lab.bash: console.sh's part in the lab: each way, once with bytes and once with none, as the boot is to be
# left out.
set -eu
# shellcheck source-path=SCRIPTDIR source=lab.bash
. /lab.bash

bytes=1048576 slow=65536

# once NAME BYTES OPTION...: a line of what was seen.
once() {
	local name=$1 bytes=$2 seen
	shift 2
	seen=$(/stamp "${mayfly[@]}" -k /vmlinux --stats /tmp/stats "$@")
	printf '{"name":"%s","bytes":%d,"stamp":%s,"stats":%s}\n' "$name" "$bytes" "$seen" "$(tr -d '\n' </tmp/stats)"
}

# What a first time costs is not measured.
once kernel_log 0 -f /emit:/emit -- /emit out 0 >/dev/null
for n in 0 $bytes; do once channel "$n" -f /emit:/emit -- /emit out "$n"; done
for n in 0 $slow; do
	once uart_driver "$n" -i /emit.cpio -a "quiet -- tty $n"
	once uart_port "$n" -i /emit.cpio -a "quiet -- port $n"
done
once kernel_log 0 -f /emit:/emit -- /emit out 0
rm -f /tmp/log
once kernel_log 0 -f /emit:/emit --console /tmp/log -- /emit out 0 >/tmp/line
sed "s/\"bytes\":0/\"bytes\":$(wc -c </tmp/log)/" /tmp/line
