/* boot/archive/cpio.c, as a reader: any file. */
#include "file.h"

#include "boot/archive/cpio.h" /* Frama-C has a cpio.h, too */

/*@ requires \valid_read(header + (0 .. 110 - 1)) && \valid(value);
    requires 0 <= field <= 12;
    terminates \true;
    assigns *value;
    exits \false; */
bool cpio_get(const uint8_t *header, enum cpio_field field, uint32_t *value);

/*@ requires readable(file) && \valid(problem);
    terminates \true;
    assigns *problem;
    exits \false; */
bool cpio_check(struct bytes file, struct problem *problem);

#include "annotated/boot/archive/cpio.c"
