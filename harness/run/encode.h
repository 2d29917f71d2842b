/* encode.h - from text to tokens, exactly as lm-evaluation-harness goes about it.
 *
 * A context and its continuation are tokenized together and cut where the context's own tokens end;
 * trailing white space of the context belongs to the continuation; an empty context is the model's
 * begin token.  What does not fit the model's context is cut on the left, and counted.
 * What the backend says about tokens is checked: counts, ids. */
#ifndef ENCODE_H
#define ENCODE_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "harness/run/plugin.h"

struct encode {
    const struct engine *engine;
    int32_t *scratch;                  /* grows; never shrinks */
    size_t cap;
    char *text;                        /* context + continuation */
    size_t text_cap;
    /* the last context, so that the choices of a document tokenize it once */
    const char *context;
    size_t context_n;
    const int32_t *context_tokens;
    size_t n_context_tokens;
};
void encode_init(struct encode *, const struct engine *);
void encode_release(struct encode *);
void encode_forget(struct encode *);   /* the arena of the last contexts is about to be reset */

struct encode_pair {
    struct assay_tokens prefix, continuation;   /* continuation.n may be 0: nothing to score */
    bool is_cut;
};
struct encode_text {
    const char *s;
    size_t n;
};
/* Errors: ASSAY_ELIMIT the continuation alone is longer than the context; ASSAY_EUNSUPPORTED
 * neither begin nor end token; whatever the backend says. */
int encode_pair(struct encode *, struct encode_text context, struct encode_text continuation,
                struct arena *, struct encode_pair *, struct assay_err *);
/* The windows of a rolling log-likelihood: disjoint scored spans over the whole text, each with as
 * much context as fits. */
int encode_rolling(struct encode *, struct encode_text, struct arena *, struct encode_pair **,
                   size_t *n, struct assay_err *);
/* A prompt for generation, cut on the left to leave room for max_tokens. */
int encode_prompt(struct encode *, struct encode_text, uint32_t max_tokens, struct arena *,
                  struct encode_pair *, struct assay_err *);
#endif
