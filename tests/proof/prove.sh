#!/bin/sh
# prove.sh [NAME...]: proves what docs/proofs.md says, of all sources or of those named; speaks TAP.
# prove.sh mutate [NAME...]: breaks each source on purpose, one line at a time, and sees the proof fail.
#
# Frama-C's WP makes a proposition of each access, each sum and each claim, and CVC4 and z3 prove them or do not. A
# source is proved as it is: annotate.awk puts comments into a copy, and that it is a copy otherwise is checked.
# Exit: 0 if all is as it should be.
set -u

cd "$(dirname "$0")/../.." || exit 1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
# why3 keeps its list of provers at home; ours is to be what is installed, not what somebody configured.
export HOME="$work"
why3 config detect >"$work/detect" 2>&1 || { cat "$work/detect" >&2; exit 1; }
multiarch=$(gcc -print-multiarch)

# NAME, the source, how (see prove), the functions.
proofs='
ram vmm/base/ram.c at-once locate,ram_read,ram_write,ram_holds,ram_span,ram_load16_acquire,ram_store16_release
virtq devices/virtq.c at-once virtq_enable,add_part,virtq_pop,virtq_await_kick,virtq_push,virtq_publish,wants_interrupt,suppress_kicks,at,avail_bytes,used_bytes,used_event,avail_event,begin,next_piece,chain_read,chain_write
virtq devices/virtq.c in-two walk,to_iov
bytes vmm/base/bytes.h at-once bytes_have,get_le16,get_le32,get_le64,align_up
pvh boot/kernel/pvh.c at-once check_header,program_at,overlaps,add_segment,find_in_notes,pvh_find_entry,check_entry,pvh_parse
bzimage boot/kernel/bzimage.c at-once check_protocol,place,bzimage_parse
arm64_image boot/kernel/arm64_image.c at-once check_header,arm64_image_parse
cpio boot/archive/cpio.c at-once cpio_get,cpio_check
'

# NAME, a function of it, and what sed does to the source: each has to make a proof fail.
mutations='
ram locate s/offset <= range->size - length/offset <= range->size/
ram locate s/length <= range->size && //
ram locate s/if (address.v < range->base)/if (address.v > range->base)/
ram locate s/i < RAM_RANGES_MAX; i++/i <= RAM_RANGES_MAX; i++/
ram ram_span s/\.iov_len = length}/.iov_len = length + 1}/
virtq walk s/next >= queue->size/next > queue->size/
virtq walk s/links < queue->size; links++/links <= queue->size; links++/
virtq walk s/links < queue->size; links++/links < queue->size;/
virtq add_part s/if (desc->len > UINT32_MAX - chain->read_size - chain->write_size)/if (0)/
virtq add_part s/if (!ram_holds(chain->ram, GPA(desc->addr), desc->len))/if (0)/
virtq add_part s/if (desc->flags & VRING_DESC_F_INDIRECT)/if (0)/
virtq virtq_enable s/if (size == 0 || size/if (size/
virtq virtq_push s/next_used++ & (queue->size - 1)/next_used++/
virtq next_piece s/cursor->part < cursor->end/cursor->part <= cursor->end/
virtq next_piece s/cursor->offset >= length/cursor->offset > length/
virtq chain_read s/to += piece.length/to += piece.length + 1/
bytes bytes_have s/offset <= file.size - size/offset <= file.size/
pvh check_header s/header->e_phnum \* sizeof(Elf64_Phdr)/header->e_phnum/
pvh add_segment s/image->segment_count == IMAGE_SEGMENTS_MAX/image->segment_count > IMAGE_SEGMENTS_MAX/
pvh add_segment s/size > space.end || //
pvh find_in_notes s/offset = value + align_up(note.n_descsz, 4)/offset = name - 12/
pvh find_in_notes s/note.n_descsz >= 4)/1)/
bzimage check_protocol s/file, 0, HEADER_MIN_END/file, 0, HEADER_MIN_END - 1/
bzimage place s/if (size > file.size - offset)/if (0)/
bzimage bzimage_parse s/header_end > HEADER_MAX_END/header_end > HEADER_MAX_END + 1/
arm64_image check_header s/HEADER_SIZE = 64/HEADER_SIZE = 63/
arm64_image arm64_image_parse s/address > space.end || //
cpio cpio_check s/offset = align_up(data + file_size, 4)/offset = align_up(data + file_size, 4) - CPIO_HEADER_SIZE/
cpio cpio_check s/bytes_have(file, offset, CPIO_HEADER_SIZE)/bytes_have(file, offset, CPIO_HEADER_SIZE - 1)/
cpio cpio_get s/i < 8; i++/i < 9; i++/
'

# Puts the sources, with their annotations, where the harnesses include them from.
prepare() {
	for each in vmm/base/ram.c devices/virtq.c vmm/base/bytes.h boot/kernel/pvh.c boot/kernel/bzimage.c boot/kernel/arm64_image.c boot/archive/cpio.c; do
		file=${each##*/}
		mkdir -p "$work/annotated/${each%/*}"
		cp "$each" "$work/plain"
		if [ "$each" = "$1" ]; then
			sed "$2" "$each" >"$work/plain"
			cp "$work/plain" "$work/changed"
		fi
		awk -f tests/proof/annotate.awk "tests/proof/${file%.*}.acsl" "$work/plain" >"$work/annotated/$each" || return
		grep -v '^/\*@ .*\*/$' "$work/annotated/$each" | cmp - "$work/plain" || return
	done
}

# Runs WP on FUNCTIONS of NAME with OPTIONS; its last word is "Proved goals: N / N".
wp() {
	harness=$1 functions=$2
	shift 2
	frama-c -machdep gcc_x86_64 -cpp-extra-args="-D_GNU_SOURCE= -I$work/annotated/vmm -I$work -I. -Ivmm -Iboot -idirafter \
		/usr/include -idirafter /usr/include/$multiarch" "tests/proof/prove_$harness.c" -warn-unsigned-overflow -wp \
		-wp-model Typed+Cast -wp-prover cvc4,z3 -wp-timeout 30 -wp-par "$(nproc)" -wp-cache none -wp-fct "$functions" "$@" \
		>"$work/log" 2>&1
	code=$?
	goals=$(sed -n 's|^\[wp\] Proved goals: *\([0-9]*\) / \([0-9]*\)$|\1 \2|p' "$work/log")
	[ "$code" = 0 ] && [ -n "$goals" ] && [ "${goals% *}" = "${goals#* }" ]
}

# What may go wrong in C (-wp-rte) and what is claimed (contracts, loops), at once; or, where that is more than the
# provers can see through, what is claimed by itself and then what may go wrong.
prove() {
	total=0
	if [ "$3" = at-once ]; then
		wp "$1" "$2" -wp-rte || return
	else
		wp "$1" "$2" -wp-split -wp-split-depth 4 || return
		total=${goals#* }
		wp "$1" "$2" -wp-rte -wp-prop=@assert,-parts || return
	fi
	total=$((total + ${goals#* }))
}

unproved() {
	sed -n 's/^\[wp\] \[Failed\] Goal/# not proved:/p; s/.*User Error.*/# &/p' "$work/log"
}

number=0
failed=0
say() {
	number=$((number + 1))
	[ "$1" = ok ] || failed=1
	echo "$1 $number - $2"
}

prove_all() {
	echo "1..$((1 + $(echo "$selected" | wc -l)))"
	if [ "$(z3 -T:60 tests/proof/bits.smt2 2>&1)" = unsat ]; then
		say ok 'bits.h: what is assumed of bits is true of words of 128 bits'
	else
		say 'not ok' 'bits.h: what is assumed of bits'
	fi
	echo "$selected" >"$work/list"
	while read -r name source how functions; do
		started=$(date +%s)
		if prepare none '' && prove "$name" "$functions" "$how"; then
			count=$(echo "$functions" | tr ',' '\n' | wc -l)
			say ok "$source: $count functions # $total propositions in $(($(date +%s) - started)) s"
		else
			say 'not ok' "$source"
			unproved
		fi
	done <"$work/list"
}

# That the mutant is refused by the provers, and not by sed or the compiler: there are goals, and not all of them are
# proved.
mutate_all() {
	echo "1..$(echo "$selected" | wc -l)"
	echo "$selected" >"$work/list"
	while read -r name function script; do
		how=$(echo "$proofs" | sed -n "s/^$name \([^ ]* [^ ]*\) \(.*,\)*$function\(,.*\)*$/\1/p")
		source=${how% *} how=${how#* }
		goals=
		prepare "$source" "$script"
		if cmp -s "$source" "$work/changed"; then
			say 'not ok' "$source: $script # changes nothing"
		elif prove "$name" "$function" "$how" || [ -z "$goals" ]; then
			say 'not ok' "$source: $script"
			unproved
		else
			say ok "$source, $function: $script # $((${goals#* } - ${goals% *})) not proved"
		fi
	done <"$work/list"
}

table=$proofs action=${1:-}
if [ "$action" = mutate ]; then
	table=$mutations
	shift
fi
selected=$(echo "$table" | while read -r name rest; do
	[ -n "$name" ] || continue
	[ $# = 0 ] || case " $* " in *" $name "*) ;; *) continue ;; esac
	echo "$name $rest"
done)
[ -n "$selected" ] || { echo "prove.sh: no proof is called $*" >&2; exit 1; }
if [ "$action" = mutate ]; then mutate_all; else prove_all; fi
exit $failed
