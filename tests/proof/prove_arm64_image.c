/* boot/kernel/arm64_image.c: any file with "ARM\x64" at 56. */
#include "file.h"

/*@ requires readable(file) && \valid(problem);
    terminates \true;
    assigns *problem;
    exits \false;
    ensures \result ==> file.size >= 64 && le64(file.data + 8) < 0x200000; */
static bool check_header(struct bytes file, struct problem *problem);

/*@ requires readable(file) && \valid(image) && \valid(problem) && \separated(image, problem);
    requires space.end <= 0x10000000000000 && space.start <= space.end;
    terminates \true;
    assigns *image, *problem;
    exits \false;
    ensures \result ==> loadable(image, file, space); */
bool arm64_image_parse(struct bytes file, struct image_space space, struct image *image,
		       struct problem *problem);

#include "annotated/boot/kernel/arm64_image.c"
