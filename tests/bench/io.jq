# io.jq: makes io.sh's object of what io-lab.bash wrote, each line of it with its vmm and load.
# Numbers of x86-64's system calls.
def call: {"0": "read", "1": "write", "16": "ioctl", "19": "readv", "20": "writev", "202": "futex", "232": "epoll_wait",
	"270": "pselect6", "271": "ppoll", "281": "epoll_pwait", "295": "preadv", "296": "pwritev", "426": "io_uring_enter"
	}[tostring] // "other";
def unit: if startswith("net_tcp") then {name: "kib", size: 1024}
	elif startswith("net_packets") then {name: "packet", size: 1} else {name: "request", size: 1} end;
def rounded: . * 1000 | round / 1000;
def one($load):
	($load | unit) as $unit | map(select(.units))[0] as $run | map(select(.tasks))[0] as $traced |
	def per($n): "\(.)_per_\($unit.name)" as $key | {($key): ($n / ($traced.traced_units / $unit.size) | rounded)};
	def sum(f): map(select(.at) | select(f) | .at.count) | add // 0;
	def calls: map(select(.event == "../raw_syscalls/sys_enter") | .at) | map(select(.common_pid | IN($traced.tasks[])));
	sum(.event == "kvm_userspace_exit") as $launcher | sum(.event == "kvm_exit") as $all |
	sum(.event == "kvm_set_irq" and .at.level == 1) as $interrupts | calls as $calls |
	{"instructions_per_\($unit.name)": ($run.ns / ($run.units / $unit.size) | rounded), "\($unit.name)s_measured":
		($run.units / $unit.size | round)} +
	("launcher_exits" | per($launcher)) + ("kvm_exits" | per($all)) + ("interrupts" | per($interrupts)) +
	("system_calls" | per($calls | map(.count) | add)) +
	{"system_calls_by_name_per_\($unit.name)": ($calls | group_by(.id | call) |
		map({key: (.[0].id | call), value: (map(.count) | add / ($traced.traced_units / $unit.size) | rounded)}) |
		map(select(.value > 0)) | from_entries)};
# Both, or there is nothing to compare.
group_by(.load) | map(select(map(select(.units).vmm) | unique | length == 2)) | map(.[0].load as $load | ($load | unit.name) as $unit | {key: $load, value: (
	group_by(.vmm) | map({key: .[0].vmm, value: one($load)}) | from_entries |
	. + {ratio_instructions_mayfly_to_qemu:
		(.mayfly["instructions_per_\($unit)"] / .qemu["instructions_per_\($unit)"] | rounded)})}) | from_entries
