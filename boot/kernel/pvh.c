/* PVH kernels: the segments and the entry point of an ELF file. */
#include "kernel/image.h"

#include <elf.h>
#include <string.h>

#define XEN_ELFNOTE_PHYS32_ENTRY 18

static bool check_header(struct bytes file, Elf64_Ehdr *header, struct problem *problem)
{
	if (!bytes_have(file, 0, sizeof(*header)))
		return problem_set(problem, "is cut short in its ELF header (copy it again)");
	memcpy(header, file.data, sizeof(*header));
	if (header->e_ident[EI_CLASS] != ELFCLASS64 || header->e_ident[EI_DATA] != ELFDATA2LSB ||
	    header->e_machine != EM_X86_64)
		return problem_set(problem,
				   "is an ELF file for another machine (class %u, machine %u; give "
				   "an x86-64 kernel)",
				   header->e_ident[EI_CLASS], header->e_machine);
	if (header->e_phnum == 0 || header->e_phentsize != sizeof(Elf64_Phdr))
		return problem_set(problem,
				   "has no ELF program headers (give the linked vmlinux, not "
				   "an object file)");
	if (!bytes_have(file, header->e_phoff, (uint64_t)header->e_phnum * sizeof(Elf64_Phdr)))
		return problem_set(problem, "is cut short in its program headers (copy it again)");
	return true;
}

static Elf64_Phdr program_at(struct bytes file, const Elf64_Ehdr *header, unsigned index)
{
	Elf64_Phdr program;

	memcpy(&program, file.data + header->e_phoff + index * sizeof(program), sizeof(program));
	return program;
}

/* If two segments overlap, the content of memory would depend on their order. */
static bool overlaps(const struct image *image, const Elf64_Phdr *program)
{
	for (unsigned i = 0; i < image->segment_count; i++) {
		const struct image_segment *other = &image->segment[i];

		if (program->p_paddr < other->address + other->memory_size &&
		    other->address < program->p_paddr + program->p_memsz)
			return true;
	}
	return false;
}

static bool add_segment(struct bytes file, struct image_space space, const Elf64_Phdr *program,
			struct image *image, struct problem *problem)
{
	uint64_t size = program->p_memsz;

	if (size == 0)
		return true;
	if (program->p_filesz > size)
		return problem_set(problem, "has an ELF segment whose file part is larger than its "
					    "memory (the file is damaged)");
	if (!bytes_have(file, program->p_offset, program->p_filesz))
		return problem_set(problem,
				   "is cut short: a segment ends beyond the file's %zu bytes "
				   "(copy it again)",
				   file.size);
	if (program->p_paddr < space.start)
		return problem_set(
			problem,
			"wants to be loaded at 0x%llx, where mayfly keeps boot data (link it "
			"at 0x%llx or above)",
			(unsigned long long)program->p_paddr, (unsigned long long)space.start);
	if (size > space.end || program->p_paddr > space.end - size)
		return problem_set(
			problem,
			"needs memory from 0x%llx on for %llu KiB and the guest's ends at "
			"0x%llx (give it more with -m)",
			(unsigned long long)program->p_paddr,
			(unsigned long long)(size / 1024 + !!(size % 1024)),
			(unsigned long long)space.end);
	if (overlaps(image, program))
		return problem_set(problem, "has ELF segments that overlap (the file is damaged)");
	if (image->segment_count == IMAGE_SEGMENTS_MAX)
		return problem_set(problem, "has more than %d ELF segments (link it with fewer)",
				   IMAGE_SEGMENTS_MAX);
	image->segment[image->segment_count++] = (struct image_segment){
		.file_offset = program->p_offset,
		.file_size = program->p_filesz,
		.address = program->p_paddr,
		.memory_size = size,
	};
	if (image->end < program->p_paddr + size)
		image->end = program->p_paddr + size;
	return true;
}

/* The entry point is in a note of owner "Xen". The value has 4 or 8 bytes. */
static bool find_in_notes(struct bytes notes, uint64_t *entry)
{
	uint64_t offset = 0;

	while (bytes_have(notes, offset, sizeof(Elf64_Nhdr))) {
		Elf64_Nhdr note;

		memcpy(&note, notes.data + offset, sizeof(note));
		uint64_t name = offset + sizeof(note);
		uint64_t value = name + align_up(note.n_namesz, 4);
		if (!bytes_have(notes, name, note.n_namesz) ||
		    !bytes_have(notes, value, note.n_descsz))
			return false;
		if (note.n_type == XEN_ELFNOTE_PHYS32_ENTRY && note.n_namesz == 4 &&
		    !memcmp(notes.data + name, "Xen", 4) && note.n_descsz >= 4) {
			*entry = note.n_descsz >= 8 ? get_le64(notes.data + value)
						    : get_le32(notes.data + value);
			return true;
		}
		offset = value + align_up(note.n_descsz, 4);
	}
	return false;
}

bool pvh_find_entry(struct bytes file, uint64_t *entry)
{
	Elf64_Ehdr header;
	struct problem problem;

	if (!check_header(file, &header, &problem))
		return false;
	for (unsigned i = 0; i < header.e_phnum; i++) {
		Elf64_Phdr program = program_at(file, &header, i);

		if (program.p_type == PT_NOTE &&
		    bytes_have(file, program.p_offset, program.p_filesz) &&
		    find_in_notes((struct bytes){file.data + program.p_offset, program.p_filesz},
				  entry))
			return true;
	}
	return false;
}

static bool check_entry(const struct image *image, struct problem *problem)
{
	for (unsigned i = 0; i < image->segment_count; i++) {
		const struct image_segment *segment = &image->segment[i];

		if (image->entry >= segment->address &&
		    image->entry - segment->address < segment->file_size)
			return true;
	}
	return problem_set(problem,
			   "has its PVH entry 0x%llx outside every segment (the file is damaged)",
			   (unsigned long long)image->entry);
}

bool pvh_parse(struct bytes file, struct image_space space, struct image *image,
	       struct problem *problem)
{
	Elf64_Ehdr header;

	if (!check_header(file, &header, problem))
		return false;
	for (unsigned i = 0; i < header.e_phnum; i++) {
		Elf64_Phdr program = program_at(file, &header, i);

		if (program.p_type == PT_LOAD &&
		    !add_segment(file, space, &program, image, problem))
			return false;
	}
	if (!pvh_find_entry(file, &image->entry))
		return problem_set(problem,
				   "has no PVH entry note (build the kernel with CONFIG_PVH=y, or "
				   "give its bzImage)");
	image->format = IMAGE_PVH;
	image->initrd_max = UINT32_MAX;
	image->cmdline_max = 2047; /* COMMAND_LINE_SIZE of Linux/x86; PVH has no field for it */
	return check_entry(image, problem);
}
