/* boot/kernel/bzimage.c: any file with "HdrS" at 0x202. */
#include "file.h"

#include "kernel/bzimage.h"

/*@ requires readable(file) && \valid(problem);
    terminates \true;
    assigns *problem;
    exits \false;
    ensures \result ==> file.size >= 0x264; */
static bool check_protocol(struct bytes file, struct problem *problem);

/*@ requires readable(file) && file.size >= 0x264;
    requires \valid(image) && \valid(problem) && \separated(image, problem);
    terminates \true;
    assigns image->end, image->segment_count, image->segment[0], *problem;
    exits \false;
    ensures \result ==> loadable(image, file, space);
    ensures \result ==> image->end <= space.end; */
static bool place(struct bytes file, struct image_space space, struct image *image,
		  struct problem *problem);

/*@ requires readable(file) && \valid(image) && \valid(problem) && \separated(image, problem);
    terminates \true;
    assigns *image, *problem;
    exits \false;
    ensures \result ==> loadable(image, file, space);
    ensures \result ==> image->setup_header.data == file.data + 0x1f1 &&
	0x264 - 0x1f1 <= image->setup_header.size <= 0x290 - 0x1f1 &&
	0x1f1 + image->setup_header.size <= file.size; */
bool bzimage_parse(struct bytes file, struct image_space space, struct image *image,
		   struct problem *problem);

#include "annotated/boot/kernel/bzimage.c"
