# io.jq: makes io.sh's object of what io-lab.bash wrote, each line of it with its vmm and load.
# Numbers of x86-64's system calls.
def call: {"0": "read", "1": "write", "16": "ioctl", "19": "readv", "20": "writev", "202": "futex", "232": "epoll_wait",
	"270": "pselect6", "271": "ppoll", "281": "epoll_pwait", "295": "preadv", "296": "pwritev", "426": "io_uring_enter"
	}[tostring] // "other";
def unit: if startswith("net_tcp") then {name: "kib", size: 1024}
	elif startswith("net_packets") then {name: "packet", size: 1} else {name: "request", size: 1} end;
def rounded: . * 1000 | round / 1000;
# What a traced run came to: its units, and how often each event happened.
def traced:
	map(select(.tasks))[0] as $run | def sum(f): map(select(f) | .at.count) | add // 0;
	map(select(.event == "../raw_syscalls/sys_enter" and (.at.common_pid | IN($run.tasks[])))) as $calls |
	{
		units: $run.traced_units,
		launcher_exits: sum(.event == "kvm_userspace_exit"),
		kvm_exits: sum(.event == "kvm_exit"),
		interrupts: sum(.event == "kvm_set_irq" and .at.level == 1),
		system_calls: ($calls | map(.at.count) | add),
		by_name: (reduce $calls[] as $one ({}; .[$one.at.id | call] += $one.at.count))
	};
def one($load):
	($load | unit) as $unit | map(select(.ns))[0] as $run |
	(map(select(.name == "10")) | traced) as $less | (map(select(.name == "30")) | traced) as $more |
	# A load of the same length each time (io-guest.sh) has so many units that the rest does not count.
	(if $more.units > 2 * $less.units then $less else {units: 0} end) as $base |
	def per(f): ($more | f // 0) - ($base | f // 0) | . / (($more.units - $base.units) / $unit.size) | rounded;
	{"instructions_per_\($unit.name)": ($run.ns / ($run.units / $unit.size) | rounded), "\($unit.name)s_measured":
		($run.units / $unit.size | round)} +
	(["launcher_exits", "kvm_exits", "interrupts", "system_calls"] | map(. as $what |
		{key: "\(.)_per_\($unit.name)", value: per(.[$what])}) |
		from_entries) +
	{"system_calls_by_name_per_\($unit.name)": ($more.by_name | keys | map(. as $call |
		{key: ., value: per(.by_name[$call])}) |
		map(select(.value > 0)) | from_entries)};
# Both, or there is nothing to compare.
group_by(.load) | map(select(map(select(.ns).vmm) | unique | length == 2)) | map(.[0].load as $load | ($load | unit.name) as $unit | {key: $load, value: (
	group_by(.vmm) | map({key: .[0].vmm, value: one($load)}) | from_entries |
	. + {ratio_instructions_mayfly_to_qemu:
		(.mayfly["instructions_per_\($unit)"] / .qemu["instructions_per_\($unit)"] | rounded)})}) | from_entries
