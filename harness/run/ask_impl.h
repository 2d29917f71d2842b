/* ask_impl.h - what ask.c (what to ask), ask_score.c and ask_generate.c (asking) share. */
#ifndef ASK_IMPL_H
#define ASK_IMPL_H
#include "harness/base/arena.h"
#include "harness/run/ask.h"

struct pending {                       /* a request the backend has to answer */
    const struct task_request *req;
    struct store_response response;    /* .request is set */
    struct task_response *out;
    bool *is_missing;
    size_t n_windows, n_left;          /* scoring: backend requests that make it up */
    struct unit *windows;
};
/* the pending requests of one kind, during one backend call */
struct batch {
    struct ask *ask;
    struct arena *arena;
    struct pending *pending;
    size_t n, n_done;
    struct pending **done;             /* answered, not yet written */
    size_t n_unwritten;
    int64_t written_ns, callback_ns;
    struct assay_err *e;               /* what a callback found */
    int rc;
};
int ask_score(struct batch *, struct assay_err *);
int ask_generate(struct batch *, struct assay_err *);

/* p is complete: it is written now or soon. */
int batch_done(struct batch *, struct pending *p);
int batch_write(struct batch *);
/* A look at the clock and the stop flag; non-zero: cancel. */
int batch_life(struct batch *);
/* Turns the return of a backend call and what callbacks found into one outcome. */
int batch_end(struct batch *, int rc, const struct assay_err *said, struct assay_err *e);
#endif
