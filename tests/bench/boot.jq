# boot.jq: makes boot.sh's object of what boot-lab.bash wrote.
def spread: sort | {median: .[length / 2 | floor], spread: (.[-1] - .[0])};
def reason: {"2": "io", "5": "hlt", "6": "mmio", "8": "shutdown", "10": "interrupted", "24": "system_event"}[tostring]
	// "other_\(.)";
# Of SVM, as the lab is.
def why: {"96": "interrupt", "100": "virtual_interrupt_window", "114": "cpuid", "120": "hlt", "123": "io", "124": "msr",
	"1024": "nested_page_fault"}[tostring] // "other_\(.)";
def hex: . as $n | [range(8)] | map(($n / pow(16; .) | floor) % 16) | until(length == 1 or .[-1] != 0; .[:-1]) |
	reverse | map("0123456789abcdef"[.:. + 1]) | "0x" + add;
def events($event): map(select(.event == $event).at);
def sum_by(f): reduce .[] as $e ({}; .[$e | f] += $e.count);
def listed(f): sort_by(-.count) | map(f + {exits: .count});
def boot:
	map(select(.stamp)) as $runs | ($runs[0].stats != null) as $ours |
	events("kvm_userspace_exit") as $exits | events("kvm_exit") as $all |
	{
		to_workload_instructions: ($runs | map(.stamp.byte_ns) | spread),
		to_workload_busy_instructions: ($runs | map(.stamp.byte_cpu_ns) | spread),
		to_exit_instructions: ($runs | map(.stamp.exit_ns) | spread),
		to_exit_busy_instructions: ($runs | map(.stamp.exit_cpu_ns) | spread),
		launcher_exits: ($exits | map(.count) | add),
		launcher_exits_by_reason: ($exits | sum_by(.reason | reason)),
		kvm_exits: ($all | map(.count) | add),
		kvm_exits_by_reason: ($all | sum_by(.exit_reason | why)),
		port_exits: (events("kvm_pio") | listed({port: (.port | hex), write: (.rw == 1)})),
		mmio_exits: (events("kvm_mmio") | listed({address: (.gpa | hex), write: (.type == 2)})),
		msr_exits: (events("kvm_msr") | listed({msr: (.ecx | hex), write: (.write == 1)}))
	} + if $ours then {
		stats_exits: ($runs | map(.stats.exits.all) | spread),
		phases_instructions: ($runs | map(.stats.phases_us | to_entries) | transpose |
			map({key: .[0].key, value: (map(.value) | sort | .[1] * 1000)}) | from_entries)
	} else {} end;
if all(.[]; (.stamp.code // 0) == 0) then . else error("a boot failed") end |
group_by(.name) | map({key: .[0].name, value: boot}) | from_entries |
. + {
	ratio_to_workload_mayfly_to_qemu:
		(.mayfly_pvh_plain.to_workload_instructions.median / .qemu_pvh_plain.to_workload_instructions.median),
	ratio_to_workload_mayfly_to_qemu_no_uart:
		(.mayfly_pvh_plain.to_workload_instructions.median / .qemu_pvh_no_uart.to_workload_instructions.median),
	ratio_to_workload_mayfly_to_qemu_fast:
		(.mayfly_fast_plain.to_workload_instructions.median / .qemu_fast_no_uart.to_workload_instructions.median)
}
