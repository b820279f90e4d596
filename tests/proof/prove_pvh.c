/* boot/kernel/pvh.c: any file that begins with the ELF magic. */
#include "file.h"

#include <elf.h>

/*@ requires \valid(to) && \valid_read(from + (0 .. size - 1)) && size == sizeof(*to);
    terminates \true;
    assigns *to;
    exits \false; */
void proof_copy_header(Elf64_Ehdr *to, const uint8_t *from, size_t size);

/*@ requires \valid(to) && \valid_read(from + (0 .. size - 1)) && size == sizeof(*to);
    terminates \true;
    assigns *to;
    exits \false; */
void proof_copy_program(Elf64_Phdr *to, const uint8_t *from, size_t size);

/*@ requires \valid(to) && \valid_read(from + (0 .. size - 1)) && size == sizeof(*to);
    terminates \true;
    assigns to->n_namesz, to->n_descsz, to->n_type;
    exits \false; */
void proof_copy_note(Elf64_Nhdr *to, const uint8_t *from, size_t size);

/* What is copied is told by its size: WP knows no bytes of a struct. */
#define memcpy(to, from, size)                                                \
	(sizeof(*(to)) == 64   ? proof_copy_header((void *)(to), from, size)  \
	 : sizeof(*(to)) == 56 ? proof_copy_program((void *)(to), from, size) \
			       : proof_copy_note((void *)(to), from, size))

/*@ requires readable(file) && \valid(header) && \valid(problem) && \separated(header, problem);
    terminates \true;
    assigns *header, *problem;
    exits \false;
    ensures \result ==> header->e_phoff + header->e_phnum * 56 <= file.size; */
static bool check_header(struct bytes file, Elf64_Ehdr *header, struct problem *problem);

/*@ requires readable(file) && \valid_read(header);
    requires index < header->e_phnum && header->e_phoff + header->e_phnum * 56 <= file.size;
    terminates \true;
    assigns \nothing;
    exits \false; */
static Elf64_Phdr program_at(struct bytes file, const Elf64_Ehdr *header, unsigned index);

/*@ requires \valid_read(image) && \valid_read(program);
    requires program->p_paddr + program->p_memsz <= UINT64_MAX;
    requires image->segment_count <= IMAGE_SEGMENTS_MAX;
    requires \forall integer i; 0 <= i < image->segment_count ==>
	image->segment[i].address + image->segment[i].memory_size <= UINT64_MAX;
    terminates \true;
    assigns \nothing;
    exits \false; */
static bool overlaps(const struct image *image, const Elf64_Phdr *program);

/*@ requires readable(file) && \valid_read(program) && \valid(image) && \valid(problem);
    requires \separated(image, program, problem);
    requires loadable(image, file, space);
    terminates \true;
    assigns image->end, image->segment_count, image->segment[0 .. IMAGE_SEGMENTS_MAX - 1], *problem;
    exits \false;
    ensures \result ==> loadable(image, file, space); */
static bool add_segment(struct bytes file, struct image_space space, const Elf64_Phdr *program,
			struct image *image, struct problem *problem);

/*@ requires readable(notes) && \valid(entry);
    terminates \true;
    assigns *entry;
    exits \false; */
static bool find_in_notes(struct bytes notes, uint64_t *entry);

/*@ requires readable(file) && \valid(entry);
    terminates \true;
    assigns *entry;
    exits \false; */
bool pvh_find_entry(struct bytes file, uint64_t *entry);

/*@ requires \valid_read(image) && \valid(problem) && \separated(image, problem);
    requires image->segment_count <= IMAGE_SEGMENTS_MAX;
    terminates \true;
    assigns *problem;
    exits \false;
    ensures \result ==> \exists integer i; 0 <= i < image->segment_count &&
	image->segment[i].address <= image->entry <
	image->segment[i].address + image->segment[i].file_size; */
static bool check_entry(const struct image *image, struct problem *problem);

/*@ requires readable(file) && \valid(image) && \valid(problem) && \separated(image, problem);
    requires image->segment_count == 0;
    terminates \true;
    assigns *image, *problem;
    exits \false;
    ensures \result ==> loadable(image, file, space);
    ensures \result ==> \exists integer i; 0 <= i < image->segment_count &&
	image->segment[i].address <= image->entry <
	image->segment[i].address + image->segment[i].file_size; */
bool pvh_parse(struct bytes file, struct image_space space, struct image *image,
	       struct problem *problem);

#include "annotated/boot/kernel/pvh.c"
