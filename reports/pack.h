/* pack.h - text made small for a page: raw deflate in base64, unpacked in the browser by
 * DecompressionStream("deflate-raw").  The same text gives the same bytes. */
#ifndef PACK_H
#define PACK_H
#include <stddef.h>

struct assay_err;
struct buf;

/* Errors: ASSAY_ENOMEM. */
int pack_text(struct buf *out, const char *text, size_t n, struct assay_err *);
#endif
