/* stream.h - bytes of tokens in, pieces of text out.
 *
 * Pieces are valid UTF-8 and end at a code point: an unfinished sequence waits for its rest, an
 * invalid one becomes U+FFFD.  Text that could begin a stop string waits until it is decided; the
 * text handed out ends before the stop string.  The pieces' n_tokens add up to the tokens given. */
#ifndef STREAM_H
#define STREAM_H
#include "backends/backend.h"
#include "harness/base/buf.h"
#include <stdbool.h>

struct stream {
    const struct assay_generate_req *req;    /* stop strings, on_piece */
    size_t index;
    struct buf pending;           /* not handed out yet */
    struct buf clean;             /* scratch: the piece being handed out */
    uint32_t n_tokens;            /* not accounted for yet */
    bool stopped;                 /* a stop string appeared */
};

void stream_init(struct stream *, const struct assay_generate_req *, size_t index);
void stream_release(struct stream *);
/* One token's bytes, perhaps none.  ASSAY_ECANCELED: on_piece said so. */
int stream_add(struct stream *, const char *bytes, size_t n);
/* Hands out what waited; nothing comes after it. */
int stream_end(struct stream *);
#endif
