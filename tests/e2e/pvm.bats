# A host whose KVM emulates guest kernels (it has neither VT-x nor AMD-V): Linux cannot run, and we say so.
load helpers

@test "a kernel that this KVM cannot run: one line that says so, 122, no hang" {
	linux -- true
	failed 122 "KVM cannot emulate the instruction" "rip=0x" "emulates guest kernels" "VT-x or AMD-V"
	is "" "$output"
}
