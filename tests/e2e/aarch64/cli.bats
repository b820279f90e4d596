# What only arm64 kernels have: the launcher must look at them, and refuse.
load ../helpers

setup() { cd "$BATS_TEST_TMPDIR"; }

bad() { run --separate-stderr timeout 120 "$mayfly" run "$@" </dev/null; }

# le32 NUMBER
le32() { printf "$(printf '\\%03o\\%03o\\%03o\\%03o' $(($1 & 255)) $(($1 >> 8 & 255)) $(($1 >> 16 & 255)) $(($1 >> 24 & 255)))"; }

# Kernels of x86-64 unpack themselves.
@test "a compressed Image is refused with the command that unpacks it, which does" {
	gzip -c "$bare" >Image.gz
	bad -k Image.gz
	failed 125 "gzip" "gunzip -c FILE >Image"
	FILE=Image.gz eval "$(printf '%s\n' "$stderr" | sed 's/.*(unpack it first: //; s/)$//; s/FILE/"$FILE"/')"
	cmp "$bare" Image
}

@test "an EFI zboot image is, too" {
	gzip -c "$bare" >payload
	size=$(wc -c <payload)
	{ printf 'MZ\0\0zimg'; le32 100; le32 "$size"; le32 0; le32 0; printf 'gzip\0'; head -c 71 /dev/zero; cat payload; echo tail; } >zboot
	bad -k zboot
	failed 125 "EFI zboot" "gunzip"
	FILE=zboot eval "$(printf '%s\n' "$stderr" | sed 's/.*(unpack it first: //; s/)$//; s/FILE/"$FILE"/')"
	cmp "$bare" Image
}
