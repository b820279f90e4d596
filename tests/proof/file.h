/* What the proofs of boot/ share: a file of any bytes and any size, and what becomes of it. */
#ifndef PROOF_FILE_H
#define PROOF_FILE_H

#include <string.h>

#include "annotated/vmm/base/bytes.h"
#include "bits.h"
#include "kernel/image.h"

/*@ requires \valid_read((uint8_t *)one + (0 .. size - 1));
    terminates \true;
    assigns \nothing;
    exits \false; */
int proof_compare(const void *one, const char *other, size_t size);
#define memcmp proof_compare

/*@ requires \valid(problem);
    terminates \true;
    assigns problem->what[0 .. sizeof(problem->what) - 1],
	    problem->fix[0 .. sizeof(problem->fix) - 1];
    exits \false;
    ensures \result == \false; */
bool proof_problem(struct problem *problem, const char *format, unsigned long long one,
		   unsigned long long two, unsigned long long three);

/* With each argument there is, so that it is looked at as well. */
#define PROBLEM(problem, format, one, two, three, ...) \
	proof_problem(problem, format, one, two, three)
#define problem_set(problem, ...) PROBLEM(problem, __VA_ARGS__, 0, 0, 0, 0)

/*@ // A segment lies in the file and in memory that is free, and is no larger in the file than in
    // memory.
    predicate placed(struct image_segment *segment, struct bytes file, struct image_space space) =
	segment->file_offset + segment->file_size <= file.size &&
	segment->file_size <= segment->memory_size &&
	space.start <= segment->address && segment->address + segment->memory_size <= space.end;
    predicate loadable(struct image *image, struct bytes file, struct image_space space) =
	0 <= image->segment_count <= IMAGE_SEGMENTS_MAX &&
	\forall integer i; 0 <= i < image->segment_count ==>
		placed(&image->segment[i], file, space); */

#endif
