/* Memory for the process's life: start-up only. */
#ifndef MAYFLY_KEEP_H
#define MAYFLY_KEEP_H

#include <stddef.h>
#include <stdint.h>

#include "base/report.h"

/* SIZE bytes of zeros that nobody gives back. If there are none, says so and ends the process. */
void *keep(size_t size);

/* Copies of the first LENGTH bytes of TEXT, and of what a printf format (text_format's) makes,
 * however long. */
char *keep_text(const char *text, size_t length);
char *keep_format(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Gives all of that back. Needed by tests only: what was kept ends with the process. */
void keep_release(void);

/* SIZE bytes of zeros, page aligned, that cost nothing until touched; or NULL. */
void *keep_pages(uint64_t size, struct problem *problem);

#endif
