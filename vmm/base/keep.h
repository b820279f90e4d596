/* Memory that is never freed. Start-up only. */
#ifndef MAYFLY_KEEP_H
#define MAYFLY_KEEP_H

#include <stddef.h>
#include <stdint.h>

#include "base/report.h"

/* SIZE bytes of zeros that live as long as the process. Without memory, reports so and ends the
 * process. */
void *keep(size_t size);

/* Kept copies: of the first LENGTH bytes of TEXT; of the text, of any length, that a printf format
 * makes (see text_format). */
char *keep_text(const char *text, size_t length);
char *keep_format(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Frees everything that was kept. Needed by tests only. */
void keep_release(void);

/* SIZE bytes of zeros, page aligned, that cost nothing until touched. NULL with PROBLEM set on
 * failure. */
void *keep_pages(uint64_t size, struct problem *problem);

#endif
