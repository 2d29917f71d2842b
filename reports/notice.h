/* notice.h - what makes scores doubtful, in words: one line per kind over all tasks and variants; and
 * whose memory is not known. */
#ifndef REPORTS_NOTICE_H
#define REPORTS_NOTICE_H
#include "reports/view.h"

/* Lines without a full stop, texts from outside as they are; only of what occurs. */
const char *const *notice_lines(const struct view_variant *const *, size_t n_variants, struct arena *,
                                size_t *n);
/* Of variants of which less was asked than the suite holds; NULL: there are none.  Part of the lines. */
const char *notice_memory(const struct view_variant *const *, size_t n_variants, struct arena *);
/* "an answer hit the token limit"; a kind nobody knows: itself. */
const char *notice_text(const struct view_notice *, struct arena *);
#endif
